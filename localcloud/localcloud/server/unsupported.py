"""Errors for API calls that moto does not support."""

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from localcloud.core.service import Service


class NotInLocalCloud(ServiceException):
    """The local cloud does not support this operation."""

    code = "NotImplemented"


def install() -> None:
    """Answer these calls with HTTP 400; clients would retry a 500."""
    implemented = BaseResponse.call_action

    def call_action(self: BaseResponse) -> Any:
        try:
            return implemented(self)
        except NotImplementedError:
            message = f"The local cloud does not have {self.service_name}:{self._get_action()}."
            return self.serialized(ActionResult(NotInLocalCloud(message)))

    BaseResponse.call_action = call_action  # type: ignore[method-assign]


SERVICE = Service(name="unsupported", patches=(install,))
