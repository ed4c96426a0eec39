"""CloudFormation's stacks and change sets."""

from collections.abc import Collection
from types import ModuleType
from typing import Any

from moto.cloudformation import models as moto_models
from moto.cloudformation import parsing, urls
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, cloudformation_backends
from moto.cloudformation.utils import generate_stack_id
from moto.core.exceptions import ServiceException

from localcloud.services.cloudformation.drift import Detections
from localcloud.services.cloudformation.engine import parse_template
from localcloud.services.cloudformation.exports import users_of
from localcloud.services.cloudformation.permissions import require_stack_output
from localcloud.services.cloudformation.stack import LocalStack, service_role, with_defaults


class ChangeSetNotFound(ServiceException):
    """The change set does not exist; clients wait for this error code after deleting one."""

    code = "ChangeSetNotFound"


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
        if stack.role_arn:
            service_role(stack.role_arn, self.region_name)
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
        self._begin_update(stack, template, resolved, role_arn=role_arn)
        return stack

    @property
    def drift_detections(self) -> Detections:
        """Drift detections of the region."""
        found: Detections = self.__dict__.setdefault("_drift_detections", Detections())
        return found

    def cancel_update_stack(self, name: str) -> None:
        """Roll an update back instead of going on with its next resource.

        Raises:
            ValidationError: The stack is not being updated.
        """
        stack = self.get_stack(name)
        assert isinstance(stack, LocalStack)
        if stack.status != "UPDATE_IN_PROGRESS":
            raise ValidationError(stack.name, "CancelUpdateStack cannot be called from current stack status")
        stack.resource_map.cancelled = True

    def continue_update_rollback(self, name: str, skipped: Collection[str], role_arn: str | None = None) -> None:
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
        stack.begin("UPDATE_ROLLBACK", lambda: stack.roll_back(skipped), role_arn)

    def delete_stack(self, name_or_stack_id: str, retained: Collection[str] = (), role_arn: str | None = None) -> None:
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
        for export in stack.exports:
            if users := users_of(export.name, stack, self):
                raise ValidationError(
                    stack.name, f"Delete canceled. Cannot delete export {export.name} as it is in use by {users}."
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

        stack.begin("DELETE", work, role_arn)

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        """Execute a change set."""
        change_set = self.change_set(change_set_name, stack_name)
        stack = self.stacks[change_set.stack_id]
        assert isinstance(stack, LocalStack)
        assert isinstance(change_set, LocalChangeSet)
        change_set.execution_status = "EXECUTE_COMPLETE"
        if change_set.tags:
            stack.tags = change_set.tags
        if change_set.change_set_type == "CREATE":
            stack.template, stack.parameters = change_set.template, change_set.parameters
            stack.cross_stack_resources = self.exports
            stack._parse_template()
            stack.resource_map = stack._create_resource_map()
            stack.resource_map.imports_existing = change_set.imports_existing
            stack.begin("CREATE", stack.create_resources, change_set.role_arn)
        else:
            self._begin_update(
                stack,
                change_set.template,
                change_set.parameters,
                imports_existing=change_set.imports_existing,
                role_arn=change_set.role_arn,
            )

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
        self,
        stack: LocalStack,
        template: str,
        parameters: dict[str, Any],
        *,
        imports_existing: bool = False,
        role_arn: str | None,
    ) -> None:
        document = parse_template(template)
        if stack.applied == (document, with_defaults(document, parameters)):
            raise ValidationError(stack.name, "No updates are to be performed.")
        stack.resource_map.imports_existing = imports_existing
        stack.begin("UPDATE", lambda: stack.update_resources(template, parameters), role_arn)

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


def _require_updatable(stack: LocalStack) -> None:
    """Require a status from which CloudFormation updates a stack."""
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        raise ValidationError(stack.name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


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
    """Make moto use these stacks and change sets, and resolve the outputs of other stacks."""
    known = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        if isinstance(resource_json, dict) and "Fn::GetStackOutput" in resource_json:
            wanted = known(resource_json["Fn::GetStackOutput"], resources_map)
            if resources_map.actor is not None:
                require_stack_output(
                    resources_map.actor, resources_map["AWS::AccountId"], resources_map["AWS::Region"], wanted
                )
            return _stack_output(resources_map["AWS::Region"], resources_map["AWS::AccountId"], wanted)
        return known(resource_json, resources_map)

    parsing.clean_json = clean_json
    moto_models.Stack = LocalStack  # type: ignore[misc]
    moto_models.ChangeSet = LocalChangeSet  # type: ignore[misc]
    cloudformation_backends.backend = LocalCloudFormation
