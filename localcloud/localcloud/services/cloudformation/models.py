"""CloudFormation's operations: they return immediately, work in the background, and roll back on failure.

moto works within the request and leaves a failed stack half finished. Here a stack passes through the statuses of
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html, which the CDK CLI follows.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Collection
from contextvars import ContextVar
from functools import wraps
from types import ModuleType
from typing import Any

from moto.cloudformation import models as moto_models
from moto.cloudformation import parsing, urls
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Event, Stack, cloudformation_backends
from moto.cloudformation.parsing import Export, OutputMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_stack_id
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult

from localcloud.services.cloudformation import events
from localcloud.services.cloudformation.engine import ResourceFailed, StackResources, parse_template
from localcloud.services.cloudformation.template import require_capabilities, require_short, require_well_formed

logger = logging.getLogger(__name__)

# Most operations take less. The CDK CLI polls every five seconds and then finds them done on its first poll.
_PATIENCE_SECONDS = 1.0

# All events of an operation carry the token of its request, which moto leaves out. See
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html.
_client_request_token: ContextVar[str | None] = ContextVar("client_request_token", default=None)


class ChangeSetNotFound(ServiceException):
    """The change set does not exist; clients wait for this error code after deleting one."""

    code = "ChangeSetNotFound"


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
        return _with_defaults(self.template_dict, self.parameters)

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

    def begin(self, verb: str, work: Callable[[], None]) -> None:
        """Set ``<verb>_IN_PROGRESS`` and run ``work`` in the background; wait for it for up to a second."""
        self.client_request_token = _client_request_token.get()
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
        self.applied = (template, _with_defaults(template, parameters))
        backend = cloudformation_backends[self.account_id][self.region_name]
        for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == self.stack_id]:
            del backend.exports[name]
        backend.exports.update({export.name: export for export in self.exports})

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
    if not isinstance(failure, ResourceFailed):
        logger.error("A stack's operation failed", exc_info=failure)
    return str(failure) or type(failure).__name__


def _with_defaults(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    slots = template.get("Parameters", {})
    return {name: str(slot["Default"]) for name, slot in slots.items() if "Default" in slot} | parameters


class LocalChangeSet(ChangeSet):
    """A change set that lists the resources that its template adds, changes and removes.

    Attributes:
        imports_existing: Value of ``ImportExistingResources``.
    """

    imports_existing = False

    def _parse_template(self) -> None:
        self.template_dict = parse_template(self.template)


class LocalCloudFormation(CloudFormationBackend):
    """moto's CloudFormation with asynchronous operations that can fail."""

    @property
    def _url_module(self) -> ModuleType:
        return urls

    def create_stack(
        self, name: str, template: str, parameters: dict[str, Any], *args: Any, **options: Any
    ) -> LocalStack:
        """Start creating a stack.

        Raises:
            AlreadyExistsException: A stack with this name exists.
        """
        if any(stack.name == name for stack in self.stacks.values()):
            raise AlreadyExistsException(f"Stack [{name}] already exists")
        stack = LocalStack(  # type: ignore[abstract]
            stack_id=generate_stack_id(name, self.region_name, self.account_id),
            name=name,
            template=template,
            parameters=parameters,
            account_id=self.account_id,
            region_name=self.region_name,
            cross_stack_resources=self.exports,
            **options,
        )
        self.stacks[stack.stack_id] = stack
        stack.begin("CREATE", stack.create_resources)
        return stack

    def update_stack(
        self,
        name: str,
        template: str,
        role_arn: str | None,
        parameters: list[dict[str, Any]],
        tags: dict[str, str] | None,
    ) -> LocalStack:
        """Start updating a stack.

        Raises:
            ValidationError: The stack is busy, or nothing would change.
        """
        stack = self._idle(name)
        _require_updatable(stack)
        resolved = self._resolve_update_parameters(stack, parameters)
        if tags is not None:
            stack.tags = tags
        self._begin_update(stack, template, resolved)
        stack.role_arn = role_arn or stack.role_arn
        return stack

    def continue_update_rollback(self, name: str, skipped: Collection[str]) -> None:
        """Continue a rollback that failed, without the resources to skip.

        Raises:
            ValidationError: The stack's last rollback did not fail.
        """
        stack = self.get_stack(name)
        assert isinstance(stack, LocalStack)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise ValidationError(
                stack.name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be rolled back."
            )
        unknown = sorted(set(skipped) - set(stack.resource_map))
        if unknown:
            raise ValidationError(stack.name, f"Resources [{', '.join(unknown)}] do not exist in stack {stack.name}")
        stack.begin("UPDATE_ROLLBACK", lambda: stack.roll_back(skipped))

    def delete_stack(self, name_or_stack_id: str, retained: Collection[str] = ()) -> None:
        """Start deleting a stack; does nothing if it does not exist."""
        try:
            stack = self._idle(name_or_stack_id)
        except ValidationError:
            if any(name_or_stack_id in (stack.name, stack.stack_id) for stack in self.stacks.values()):
                raise
            return
        if stack.enable_termination_protection:
            raise ValidationError(
                stack.name, f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        users = [other.name for other in self.stacks.values() if other is not stack and self._imports(other, stack)]
        if users:
            names = ", ".join(export.name for export in stack.exports)
            raise ValidationError(
                stack.name, f"Cannot delete stack {stack.name}: its exports ({names}) are in use by {', '.join(users)}"
            )

        if retained and stack.status != "DELETE_FAILED":
            raise ValidationError(
                stack.name, f"Invalid operation on stack [{stack.stack_id}]: RetainResources requires DELETE_FAILED"
            )

        def work() -> None:
            stack.delete_resources(retained)
            if stack.status == "DELETE_COMPLETE":
                for export in stack.exports:
                    self.exports.pop(export.name, None)
                self.stacks.pop(stack.stack_id, None)
                for change_set_id, change_set in list(self.change_sets.items()):
                    if change_set.stack_id == stack.stack_id:
                        del self.change_sets[change_set_id]
                self.deleted_stacks[stack.stack_id] = stack

        stack.begin("DELETE", work)

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        """Execute a change set."""
        change_set = self.change_set(change_set_name, stack_name)
        stack = self.stacks[change_set.stack_id]
        assert isinstance(stack, LocalStack)
        assert isinstance(change_set, LocalChangeSet)
        change_set.execution_status = "EXECUTE_COMPLETE"
        stack.role_arn = change_set.role_arn or stack.role_arn
        if change_set.tags:
            stack.tags = change_set.tags
        if change_set.change_set_type == "CREATE":
            stack.template, stack.parameters = change_set.template, change_set.parameters
            stack.cross_stack_resources = self.exports
            stack._parse_template()
            stack.resource_map = stack._create_resource_map()
            stack.resource_map.imports_existing = change_set.imports_existing
            stack.begin("CREATE", stack.create_resources)
        else:
            self._begin_update(stack, change_set.template, change_set.parameters, change_set.imports_existing)

    def change_set(self, name: str, stack_name: str | None) -> ChangeSet:
        """Return a change set by ARN, or by name and stack, because the CDK CLI gives all of them the same name.

        Raises:
            ChangeSetNotFound: The change set does not exist.
        """
        for change_set in self.change_sets.values():
            is_stacks = stack_name is None or stack_name in (change_set.stack_name, change_set.stack_id)
            if name == change_set.change_set_id or (name == change_set.change_set_name and is_stacks):
                return change_set
        raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")

    def _begin_update(
        self, stack: LocalStack, template: str, parameters: dict[str, Any], imports_existing: bool = False
    ) -> None:
        document = parse_template(template)
        if stack.applied == (document, _with_defaults(document, parameters)):
            raise ValidationError(stack.name, "No updates are to be performed.")
        stack.resource_map.imports_existing = imports_existing
        stack.begin("UPDATE", lambda: stack.update_resources(template, parameters))

    def _idle(self, name: str) -> LocalStack:
        stack = self.get_stack(name)
        assert isinstance(stack, LocalStack)
        if stack.busy:
            raise ValidationError(
                stack.name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            )
        return stack

    def _resolve_update_parameters(self, instance: Any, incoming_params: list[dict[str, str]]) -> dict[str, str]:
        """Return the parameters as given, now or earlier; a parameter that keeps its default needs no value."""
        given = {
            parameter["ParameterKey"]: instance.parameters.get(parameter["ParameterKey"])
            if parameter.get("UsePreviousValue")
            else parameter["ParameterValue"]
            for parameter in incoming_params
        }
        return {key: value for key, value in given.items() if value is not None}

    @staticmethod
    def _imports(stack: Stack, exporter: Stack) -> bool:
        text = str(stack.template_dict)
        return "Fn::ImportValue" in text and any(f"'{export.name}'" in text for export in exporter.exports)


def _describe_change_set(self: CloudFormationResponse) -> ActionResult:
    """Handle DescribeChangeSet; moto's ignores the stack's name."""
    backend = cloudformation_backends[self.current_account][self.region]
    assert isinstance(backend, LocalCloudFormation)
    return ActionResult(backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName")))


def _delete_change_set(self: CloudFormationResponse) -> ActionResult:
    """Handle DeleteChangeSet; does nothing if the change set does not exist."""
    backend = cloudformation_backends[self.current_account][self.region]
    assert isinstance(backend, LocalCloudFormation)
    with contextlib.suppress(ChangeSetNotFound):
        change_set = backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        del backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _delete_stack(self: CloudFormationResponse) -> ActionResult:
    """Handle DeleteStack; moto's ignores RetainResources."""
    backend = cloudformation_backends[self.current_account][self.region]
    assert isinstance(backend, LocalCloudFormation)
    backend.delete_stack(self._get_param("StackName"), self._get_param("RetainResources", []))
    return EmptyResult()


def _continue_update_rollback(self: CloudFormationResponse) -> ActionResult:
    """Handle ContinueUpdateRollback, which moto lacks."""
    backend = cloudformation_backends[self.current_account][self.region]
    assert isinstance(backend, LocalCloudFormation)
    backend.continue_update_rollback(self._get_param("StackName"), self._get_param("ResourcesToSkip", []))
    return ActionResult({})


def _list_stacks(self: CloudFormationResponse) -> ActionResult:
    """Handle ListStacks; moto's summaries have no names."""
    backend = cloudformation_backends[self.current_account][self.region]
    summaries = [
        {
            "StackId": stack.stack_id,
            "StackName": stack.name,
            "TemplateDescription": stack.description,
            "CreationTime": stack.creation_time,
            "StackStatus": stack.status,
            "StackStatusReason": getattr(stack, "stack_status_reason", None),
        }
        for stack in backend.list_stacks(self._get_param("StackStatusFilter", []))
    ]
    return ActionResult({"StackSummaries": summaries})


def _get_template(self: CloudFormationResponse) -> ActionResult:
    """Handle GetTemplate, which returns non-ASCII characters as question marks."""
    backend = cloudformation_backends[self.current_account][self.region]
    template = backend.get_template(self._get_param("StackName"))
    text = template if isinstance(template, str) else json.dumps(template, ensure_ascii=False)
    return ActionResult({"TemplateBody": text.encode("ascii", "replace").decode()})


def _require_updatable(stack: LocalStack) -> None:
    """Require a status from which CloudFormation updates a stack."""
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        raise ValidationError(stack.name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _update_termination_protection(self: CloudFormationResponse) -> ActionResult:
    """Handle UpdateTerminationProtection, which moto lacks."""
    backend = cloudformation_backends[self.current_account][self.region]
    stack = backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def _checked(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return a response method that refuses the templates that CloudFormation refuses."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        require_short(body)
        if url:
            body = self._get_stack_from_s3_url(url)
        elif not body and self._get_bool_param("UsePreviousTemplate", False):
            backend = cloudformation_backends[self.current_account][self.region]
            body = backend.get_stack(self._get_param("StackName")).template
        if body:
            document = parse_template(body)
            require_well_formed(document)
            require_capabilities(document, self._get_param("Capabilities", []))
        return operation(self)

    return answer


def _with_imports(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return CreateChangeSet with ``ImportExistingResources``, which moto lacks."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        created = operation(self)
        backend = cloudformation_backends[self.current_account][self.region]
        assert isinstance(backend, LocalCloudFormation)
        change_set = backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        assert isinstance(change_set, LocalChangeSet)
        change_set.imports_existing = self._get_bool_param("ImportExistingResources", False)
        return created

    return answer


def _with_token(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return a response method that passes the request's token to the stack."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        before = _client_request_token.set(self._get_param("ClientRequestToken"))
        try:
            return operation(self)
        finally:
            _client_request_token.reset(before)

    return answer


def _stack_output(region: str, account: str, wanted: dict[str, str]) -> str:
    """Return the value of ``Fn::GetStackOutput``, which moto does not support.

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html.
    """
    backend = cloudformation_backends[account][wanted.get("Region", region)]
    outputs = backend.get_stack(wanted["StackName"]).outputs or []
    for output in outputs:
        if output["OutputKey"] == wanted["OutputName"]:
            return str(output["OutputValue"])
    raise ValidationError(wanted["StackName"], f"Stack {wanted['StackName']} has no output {wanted['OutputName']}")


def install() -> None:
    """Make moto's server use these stacks."""
    known = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        if isinstance(resource_json, dict) and "Fn::GetStackOutput" in resource_json:
            wanted = known(resource_json["Fn::GetStackOutput"], resources_map)
            return _stack_output(resources_map["AWS::Region"], resources_map["AWS::AccountId"], wanted)
        return known(resource_json, resources_map)

    parsing.clean_json = clean_json
    CloudFormationResponse.delete_stack = _delete_stack  # type: ignore[method-assign]
    for operation in ("create_stack", "update_stack", "create_change_set"):
        setattr(CloudFormationResponse, operation, _checked(getattr(CloudFormationResponse, operation)))
    CloudFormationResponse.create_change_set = _with_imports(  # type: ignore[method-assign]
        CloudFormationResponse.create_change_set
    )
    for operation in ("create_stack", "update_stack", "delete_stack", "execute_change_set"):
        setattr(CloudFormationResponse, operation, _with_token(getattr(CloudFormationResponse, operation)))
    CloudFormationResponse.describe_change_set = _describe_change_set  # type: ignore[method-assign]
    CloudFormationResponse.delete_change_set = _delete_change_set  # type: ignore[method-assign]
    CloudFormationResponse.list_stacks = _list_stacks  # type: ignore[method-assign]
    CloudFormationResponse.get_template = _get_template  # type: ignore[method-assign]
    CloudFormationResponse.continue_update_rollback = _with_token(  # type: ignore[attr-defined]
        _continue_update_rollback
    )
    CloudFormationResponse.update_termination_protection = _update_termination_protection  # type: ignore[attr-defined]
    moto_models.Stack = LocalStack  # type: ignore[misc]
    moto_models.ChangeSet = LocalChangeSet  # type: ignore[misc]
    cloudformation_backends.backend = LocalCloudFormation
