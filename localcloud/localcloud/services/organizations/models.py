"""Accounts beside the main one, made as AWS Organizations makes them: with a role that the main account may assume.

See https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html. An account's number is
its name here: whoever makes one on this machine writes the number into an environment's file.
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
_MAIN = "master"  # moto's name of the account that an organization begins with.


class LocalAccount(FakeAccount):
    """An account whose number is its name."""

    def __init__(self, organization: FakeOrganization, **request: Any):
        name = request["AccountName"]
        self._number = str(organization.master_account_id if name == _MAIN else name)
        super().__init__(organization, **request)

    @property
    def id(self) -> str:
        """Its number."""
        return self._number

    @id.setter
    def id(self, _: str) -> None:
        """Nothing: moto draws a number, which is not needed."""


class LocalOrganizations(OrganizationsBackend):
    """Organizations, whose accounts can be used."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._accounts_lock = threading.Lock()

    @property
    def _url_module(self) -> Any:
        return urls

    def create_account(self, **request: Any) -> dict[str, Any]:
        """Make an account, with an administrator's role in it and a profile for that.

        Raises:
            InvalidInputException: its name is not an account's number, or there is such an account.
        """
        number, role = str(request.get("AccountName")), request.get("RoleName", _ROLE)
        if not re.fullmatch(r"[0-9]{12}", number):
            raise InvalidInputException(f"AccountName is {number!r}; allowed: an account's number, twelve digits.")
        with self._accounts_lock:
            if any(account.id == number for account in self.accounts):
                raise InvalidInputException(f"There is an account {number}.")
            status: dict[str, Any] = super().create_account(**request)
            iam_backends[number]["aws"].attach_role_policy(_ADMINISTRATOR, role)
            profiles.add(state_dir(), number, f"arn:aws:iam::{number}:role/{role}")
        return status


def install() -> None:
    """Make the main account the first one of an organization."""
    moto_organizations.FakeAccount = LocalAccount  # type: ignore[misc]
    organizations_backends.backend = LocalOrganizations
    organizations_backends[account_id()]["aws"].create_organization(region())
