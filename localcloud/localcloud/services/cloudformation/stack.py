"""A stack: its operations return immediately, work in the background, and roll back on failure.

moto works within the request and leaves a failed stack half finished. Here a stack passes through the statuses of
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html, which the CDK CLI follows.
"""

import logging
import threading
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Event, Stack, cloudformation_backends
from moto.cloudformation.parsing import Export, OutputMap

from localcloud.authorization.principal import Principal, calling
from localcloud.core.role_sessions import AccessDenied, assume_role
from localcloud.services.cloudformation import events, exports
from localcloud.services.cloudformation.engine import ResourceFailed, StackResources, UpdateCancelled, parse_template

logger = logging.getLogger(__name__)

# Most operations take less. The CDK CLI polls every five seconds and then finds them done on its first poll.
_PATIENCE_SECONDS = 1.0

CLOUDFORMATION = "cloudformation.amazonaws.com"

client_request_token: ContextVar[str | None] = ContextVar("client_request_token", default=None)
"""Token of the current request, which all events of its operation carry and moto leaves out.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html.
"""


def service_role(role_arn: str, region: str) -> Principal:
    """Return the session in which CloudFormation acts with a service role.

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html.

    Raises:
        ValidationError: The role does not exist, or does not trust CloudFormation.
    """
    try:
        return Principal.of_session(assume_role(role_arn, CLOUDFORMATION, "AWSCloudFormation", region))
    except AccessDenied as denial:
        raise ValidationError(message=f"Role {role_arn} is invalid or cannot be assumed") from denial


class LocalStack(Stack):
    """A stack with each operation in its own thread."""

    resource_map: StackResources

    def __init__(self, *args: Any, **kwargs: Any):
        self.stack_status_reason: str | None = None
        self.client_request_token: str | None = None
        self.applied: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._before: tuple[str, dict[str, Any]] = ("", {})
        self.status = "REVIEW_IN_PROGRESS"
        super().__init__(*args, **kwargs)

    def _create_resource_map(self) -> StackResources:
        resources = StackResources(
            self.stack_id,
            self.name,
            self.parameters,
            self.tags,
            account_id=self.account_id,
            region_name=self.region_name,
            template=self.template_dict,
            cross_stack_resources=self.cross_stack_resources,
        )
        if self.template_dict:
            resources.load()
        return resources

    def _parse_template(self) -> None:
        self.template_dict = parse_template(self.template)

    def has_template(self, other_template: str) -> bool:
        """Return True if the stack has this template."""
        return parse_template(self.template) == parse_template(other_template)

    @property
    def stack_parameters(self) -> dict[str, Any]:
        """Parameters as given, for ``UsePreviousValue``; moto stores the values resolved from SSM."""
        return with_defaults(self.template_dict, self.parameters)

    @property
    def outputs(self) -> list[dict[str, Any]] | None:
        """Outputs, available once their resources exist."""
        return super().outputs if self.applied else None

    @property
    def exports(self) -> list[Export]:
        """Exports, available once their resources exist."""
        return super().exports if self.applied else []

    @property
    def busy(self) -> bool:
        """True while an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def begin(self, verb: str, work: Callable[[], None], role_arn: str | None = None) -> None:
        """Set ``<verb>_IN_PROGRESS`` and run ``work`` in the background; wait for it for up to a second.

        Args:
            verb: ``CREATE``, ``UPDATE``, ``UPDATE_ROLLBACK`` or ``DELETE``.
            work: The operation.
            role_arn: The service role for this and later operations; by default the one of the last operation. Without
                any, CloudFormation acts with the caller's permissions.

        Raises:
            ValidationError: CloudFormation cannot assume the role.
        """
        role = role_arn or self.role_arn
        self.resource_map.actor = service_role(role, self.region_name) if role else calling.get()
        self.role_arn = role
        self.client_request_token = client_request_token.get()
        if not verb.endswith("ROLLBACK"):
            self.resource_map.begin()
        self._set_status(f"{verb}_IN_PROGRESS", "User Initiated")
        thread = threading.Thread(target=work, name=f"{verb.lower()} {self.name}", daemon=True)
        thread.start()
        thread.join(_PATIENCE_SECONDS)

    def create_resources(self) -> None:
        """Create all the stack's resources, or roll back."""
        try:
            self._apply(self.template_dict, self.parameters)
        except Exception as failure:
            self._set_status("ROLLBACK_IN_PROGRESS", _reason(failure))
            self._finish("ROLLBACK_COMPLETE", lambda: self.resource_map.remove_all(self._emit))
        else:
            self._set_status("CREATE_COMPLETE")

    def update_resources(self, template: str, parameters: dict[str, Any]) -> None:
        """Update the stack to a new template or parameters, or roll back."""
        self._before = (str(self.template), self.parameters)
        try:
            self._apply_text(template, parameters)
        except Exception as failure:
            self._set_status("UPDATE_ROLLBACK_IN_PROGRESS", _reason(failure))
            self.roll_back()
        else:
            self._clean_up("UPDATE_COMPLETE")

    def roll_back(self, skipped: Collection[str] = ()) -> None:
        """Bring the stack back to the state before its last update, except for the resources that are skipped."""
        try:
            self._apply_text(*self._before, skipped)
        except Exception as failure:
            self._set_status("UPDATE_ROLLBACK_FAILED", _reason(failure))
        else:
            self._clean_up("UPDATE_ROLLBACK_COMPLETE")

    def delete_resources(self, retained: Collection[str] = ()) -> None:
        """Delete the stack's resources, except those to retain."""
        self._finish("DELETE_COMPLETE", lambda: self.resource_map.remove_all(self._emit, retained))

    def _clean_up(self, status: str) -> None:
        self._set_status(f"{status}_CLEANUP_IN_PROGRESS")
        self.resource_map.clean_up(self._emit)
        self._set_status(status)

    def _finish(self, status: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as failure:
            self._set_status(status.replace("_COMPLETE", "_FAILED"), _reason(failure))
        else:
            self._set_status(status)

    def _apply_text(self, template: str, parameters: dict[str, Any], skipped: Collection[str] = ()) -> None:
        self._apply(parse_template(template), parameters, skipped)
        self.template, self.parameters = template, parameters
        self._parse_template()
        self.description = self.template_dict.get("Description")

    def _apply(self, template: dict[str, Any], parameters: dict[str, Any], skipped: Collection[str] = ()) -> None:
        self.resource_map.apply(template, parameters, self._emit, skipped)
        self.output_map = OutputMap(self.resource_map, template, self.stack_id)
        before, self.applied = self.applied, (template, with_defaults(template, parameters))
        try:
            exports.publish(self, cloudformation_backends[self.account_id][self.region_name])
        except exports.ExportRefused:
            self.applied = before
            raise

    def _set_status(self, status: str, reason: str | None = None) -> None:
        self.status = status
        if reason or status.endswith("_COMPLETE"):
            self.stack_status_reason = reason or self.stack_status_reason
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.stack_status_reason = None
        self._add_stack_event(status, reason)
        self.events[-1].client_request_token = self.client_request_token  # type: ignore[assignment]
        events.send(self.stack_id, status, reason, self.client_request_token)

    def _emit(self, logical_id: str, physical_id: str, resource_type: str, status: str, reason: str | None) -> None:
        logger.info("%s %s %s (%s) %s", self.name, status, logical_id, resource_type, reason or "")
        event = Event(
            stack_id=self.stack_id,
            stack_name=self.name,
            logical_resource_id=logical_id,
            physical_resource_id=physical_id,
            resource_type=resource_type,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
        event.client_request_token = self.client_request_token  # type: ignore[assignment]
        self.events.append(event)


def _reason(failure: Exception) -> str:
    """Return the reason of a failure; log those that are not a resource's, as bugs of the local cloud."""
    if not isinstance(failure, (ResourceFailed, UpdateCancelled)):
        logger.error("A stack's operation failed", exc_info=failure)
    return str(failure) or type(failure).__name__


def with_defaults(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a template's parameters, given or by default."""
    slots = template.get("Parameters", {})
    return {name: str(slot["Default"]) for name, slot in slots.items() if "Default" in slot} | parameters
