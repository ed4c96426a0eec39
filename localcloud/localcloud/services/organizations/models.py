"""Additional accounts, created as by AWS Organizations, with a role that the main account can assume.

See https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html. An account's number is
given as its name, so that it can be written into an environment's file beforehand.
"""

import re
import threading
from typing import Any

import moto.organizations.models as moto_organizations
from moto.iam.models import iam_backends
from moto.organizations import urls
from moto.organizations.exceptions import InvalidInputException
from moto.organizations.models import FakeAccount, FakeOrganization, OrganizationsBackend, organizations_backends

from localcloud.core import profiles
from localcloud.core.settings import account_id, region, state_dir

_ROLE = "OrganizationAccountAccessRole"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_MAIN = "master"  # moto's name of an organization's first account.


class LocalAccount(FakeAccount):
    """An account with its name as its number."""

    def __init__(self, organization: FakeOrganization, **request: Any):
        name = request["AccountName"]
        self._number = str(organization.master_account_id if name == _MAIN else name)
        super().__init__(organization, **request)

    @property
    def id(self) -> str:
        """Account number."""
        return self._number

    @id.setter
    def id(self, _: str) -> None:
        """Ignore the number that moto generates."""


class LocalOrganizations(OrganizationsBackend):
    """Organizations with usable accounts."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._accounts_lock = threading.Lock()

    @property
    def _url_module(self) -> Any:
        return urls

    def create_account(self, **request: Any) -> dict[str, Any]:
        """Create an account, with an administrator role in it and a profile for the role.

        Raises:
            InvalidInputException: The name is not an account number, or the account exists.
        """
        number, role = str(request.get("AccountName")), request.get("RoleName", _ROLE)
        if not re.fullmatch(r"[0-9]{12}", number):
            raise InvalidInputException(f"AccountName is {number!r}; allowed: an account's number, twelve digits.")
        with self._accounts_lock:
            if any(account.id == number for account in self.accounts):
                raise InvalidInputException(f"Account {number} already exists.")
            status: dict[str, Any] = super().create_account(**request)
            iam_backends[number]["aws"].attach_role_policy(_ADMINISTRATOR, role)
            profiles.add(state_dir(), number, f"arn:aws:iam::{number}:role/{role}")
        return status


def install() -> None:
    """Make the main account the first one of an organization."""
    moto_organizations.FakeAccount = LocalAccount  # type: ignore[misc]
    organizations_backends.backend = LocalOrganizations
    organizations_backends[account_id()]["aws"].create_organization(region())
