"""CloudFormation's API: operations that moto lacks, and checks of requests that it leaves out."""

import contextlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from localcloud.authorization.principal import calling
from localcloud.services.cloudformation.engine import parse_template
from localcloud.services.cloudformation.models import ChangeSetNotFound, LocalChangeSet, LocalCloudFormation
from localcloud.services.cloudformation.parameters import keeps_value, require_values, values_of
from localcloud.services.cloudformation.permissions import require_parameters
from localcloud.services.cloudformation.stack import client_request_token, service_role
from localcloud.services.cloudformation.template import require_capabilities, require_short, require_well_formed


def _backend(response: CloudFormationResponse) -> LocalCloudFormation:
    backend = cloudformation_backends[response.current_account][response.region]
    assert isinstance(backend, LocalCloudFormation)
    return backend


def _describe_change_set(self: CloudFormationResponse) -> ActionResult:
    """Handle DescribeChangeSet; moto's ignores the stack's name."""
    backend = _backend(self)
    return ActionResult(backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName")))


def _delete_change_set(self: CloudFormationResponse) -> ActionResult:
    """Handle DeleteChangeSet; does nothing if the change set does not exist."""
    backend = _backend(self)
    with contextlib.suppress(ChangeSetNotFound):
        change_set = backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        del backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _delete_stack(self: CloudFormationResponse) -> ActionResult:
    """Handle DeleteStack; moto's ignores RetainResources and RoleARN."""
    backend = _backend(self)
    retained, role_arn = self._get_param("RetainResources", []), self._get_param("RoleARN")
    backend.delete_stack(self._get_param("StackName"), retained, role_arn)
    return EmptyResult()


def _continue_update_rollback(self: CloudFormationResponse) -> ActionResult:
    """Handle ContinueUpdateRollback, which moto lacks."""
    backend = _backend(self)
    skipped, role_arn = self._get_param("ResourcesToSkip", []), self._get_param("RoleARN")
    backend.continue_update_rollback(self._get_param("StackName"), skipped, role_arn)
    return ActionResult({})


def _cancel_update_stack(self: CloudFormationResponse) -> ActionResult:
    """Handle CancelUpdateStack, which moto lacks."""
    _backend(self).cancel_update_stack(self._get_param("StackName"))
    return EmptyResult()


def _detect_stack_drift(self: CloudFormationResponse) -> ActionResult:
    """Handle DetectStackDrift, which moto lacks."""
    backend = _backend(self)
    stack = backend.get_stack(self._get_param("StackName"))
    return ActionResult({"StackDriftDetectionId": backend.drift_detections.detect(stack)})


def _describe_stack_drift_detection_status(self: CloudFormationResponse) -> ActionResult:
    """Handle DescribeStackDriftDetectionStatus, which moto lacks."""
    return ActionResult(_backend(self).drift_detections.status(self._get_param("StackDriftDetectionId")))


def _describe_stack_resource_drifts(self: CloudFormationResponse) -> ActionResult:
    """Handle DescribeStackResourceDrifts, which moto lacks."""
    backend = _backend(self)
    found = backend.drift_detections.latest(backend.get_stack(self._get_param("StackName")))
    wanted = self._get_param("StackResourceDriftStatusFilters", [])
    return ActionResult(
        {"StackResourceDrifts": [one for one in found if not wanted or one["StackResourceDriftStatus"] in wanted]}
    )


def _list_stacks(self: CloudFormationResponse) -> ActionResult:
    """Handle ListStacks; moto's summaries have no names."""
    backend = _backend(self)
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
    backend = _backend(self)
    template = backend.get_template(self._get_param("StackName"))
    text = template if isinstance(template, str) else json.dumps(template, ensure_ascii=False)
    return ActionResult({"TemplateBody": text.encode("ascii", "replace").decode()})


def _update_termination_protection(self: CloudFormationResponse) -> ActionResult:
    """Handle UpdateTerminationProtection, which moto lacks."""
    backend = _backend(self)
    stack = backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def _values(response: CloudFormationResponse) -> dict[str, str]:
    """Return the values of the request's parameters; those of a stack that exists may be kept."""
    given = response._get_param("Parameters", [])
    previous: dict[str, str] = {}
    if any(map(keeps_value, given)):
        previous = _backend(response).get_stack(response._get_param("StackName")).stack_parameters
    return values_of(given, previous)


def _checked(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return a response method that refuses the templates that CloudFormation refuses."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        require_short(body)
        if url:
            body = self._get_stack_from_s3_url(url)
        elif not body and self._get_bool_param("UsePreviousTemplate", False):
            backend = _backend(self)
            body = backend.get_stack(self._get_param("StackName")).template
        if body:
            document = parse_template(body)
            require_well_formed(document)
            require_capabilities(document, self._get_param("Capabilities", []))
            require_values(document, _values(self), self.current_account, self.region)
            if caller := calling.get():
                require_parameters(caller, self.current_account, self.region, document)
        return operation(self)

    return answer


def _with_imports(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return CreateChangeSet with ``ImportExistingResources`` and a check of its role, which moto lacks."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        if role_arn := self._get_param("RoleARN"):
            service_role(role_arn, self.region)
        created = operation(self)
        backend = _backend(self)
        change_set = backend.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        assert isinstance(change_set, LocalChangeSet)
        change_set.imports_existing = self._get_bool_param("ImportExistingResources", False)
        return created

    return answer


def _with_token(operation: Callable[[CloudFormationResponse], ActionResult]) -> Any:
    """Return a response method that passes the request's token to the stack."""

    @wraps(operation)
    def answer(self: CloudFormationResponse) -> ActionResult:
        before = client_request_token.set(self._get_param("ClientRequestToken"))
        try:
            return operation(self)
        finally:
            client_request_token.reset(before)

    return answer


def install() -> None:
    """Replace and add operations of moto's API."""
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
    for added in (
        _cancel_update_stack,
        _detect_stack_drift,
        _describe_stack_drift_detection_status,
        _describe_stack_resource_drifts,
    ):
        setattr(CloudFormationResponse, added.__name__.removeprefix("_"), added)
    CloudFormationResponse.list_stacks = _list_stacks  # type: ignore[method-assign]
    CloudFormationResponse.get_template = _get_template  # type: ignore[method-assign]
    CloudFormationResponse.continue_update_rollback = _with_token(  # type: ignore[attr-defined]
        _continue_update_rollback
    )
    CloudFormationResponse.update_termination_protection = _update_termination_protection  # type: ignore[attr-defined]
