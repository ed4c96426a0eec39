"""Engine of CloudFormation: creates, updates and deletes a stack's resources in dependency order.

moto can create resources and update each type. This module adds the engine: it touches a resource only when its
resolved properties change (through the template, a parameter, a condition or a replaced dependency), one at a time,
with events for each.
"""

import contextlib
import copy
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.parsing import (
    ResourceMap,
    generate_resource_name,
    parse_and_delete_resource,
    resource_name_property_from_type,
)

from localcloud.authorization.principal import Principal
from localcloud.core.errors import LocalCloudError
from localcloud.core.resource_model import ResourceModel
from localcloud.services.cloudformation import existing, schemas
from localcloud.services.cloudformation.permissions import HandledResource, require_parameters, require_permissions
from localcloud.services.cloudformation.template import references

logger = logging.getLogger(__name__)

# Types whose generated names CloudFormation cuts, with the maximum length.
_LONGEST_NAMES = {
    "AWS::Events::Rule": 64,
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::SageMaker::EndpointConfig": 63,
    "AWS::SageMaker::Model": 63,
    "AWS::SQS::Queue": 80,
    "AWS::Scheduler::Schedule": 64,
}

Emit = Callable[[str, str, str, str, str | None], None]
"""Receives a resource's logical id, physical id, type, status and status reason."""


class ResourceFailed(LocalCloudError):
    """A resource could not be created, updated or deleted."""

    def __init__(self, logical_id: str, reason: str):
        super().__init__(f"The following resource(s) failed: [{logical_id}]. {reason}")
        self.logical_id = logical_id
        self.reason = reason


class UpdateCancelled(LocalCloudError):
    """The update was cancelled; the resource in progress was finished first."""

    def __init__(self) -> None:
        super().__init__("User Initiated")


class InvalidProperties(LocalCloudError):
    """A resource's properties violate the schema of its type."""

    def __init__(self, logical_id: str, violations: Sequence[str]):
        super().__init__(
            f"Properties validation failed for resource {logical_id} with message:\n" + "\n".join(violations)
        )


class NamedResourceReplaced(LocalCloudError):
    """A resource must be replaced, but keeps the name that the template gives it."""

    def __init__(self, name: str):
        super().__init__(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {name} and update the stack again."
        )


def generated_name(resource_type: str, stack_name: str, logical_id: str) -> str:
    """Return a unique name for a resource without one, which is moto's within the limit of the type's names."""
    name = generate_resource_name(resource_type, stack_name, logical_id)
    most = _LONGEST_NAMES.get(resource_type)
    if most is None or len(name) <= most:
        return name
    prefix, _, unique = name.rpartition("-")
    return f"{prefix[: most - len(unique) - 1].rstrip('-')}-{unique}"


@dataclass(frozen=True)
class _Applied:
    declaration: dict[str, Any]
    resolved: dict[str, Any]


@dataclass(frozen=True)
class _Replaced:
    """A resource replaced by an update: deleted once the update completes, restored if it is rolled back."""

    logical_id: str
    resource: Any
    applied: _Applied
    kept: bool


class StackResources(ResourceMap):
    """moto's resource map of a stack, brought from its current state to a template's.

    Attributes:
        imports_existing: True if the operation adopts existing resources that the template names and retains. See
            https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html.
        cancelled: True to end the update before its next resource.
        actor: The principal with whose permissions the operation handles resources; None outside of requests.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._applied: dict[str, _Applied] = {}
        self._replaced: list[_Replaced] = []
        self._created: set[str] = set()
        self.imports_existing = False
        self.actor: Principal | None = None
        self.cancelled = False
        self._half_updated: set[str] = set()
        self._unwanted: list[str] = []

    def __getitem__(self, key: str) -> Any:
        """Return a resource, parameter or pseudo parameter; None for a resource excluded by its condition."""
        if key in self._parsed_resources:
            return self._parsed_resources[key]
        if key in self._resource_json_map:
            return None
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._applied))

    def __len__(self) -> int:
        return len(self._applied)

    def begin(self) -> None:
        """Begin an operation; the resources that it creates are those that its rollback removes."""
        self._created.clear()
        self.cancelled = False

    def apply(
        self, template: dict[str, Any], parameters: dict[str, Any], emit: Emit, skipped: Collection[str] = ()
    ) -> None:
        """Bring the stack's resources to the state of ``template`` with ``parameters``, except for the deletions.

        Args:
            template: The template.
            parameters: Values of its parameters.
            emit: Receives the events.
            skipped: Logical ids that a continued rollback leaves as they are.

        Raises:
            ResourceFailed: A resource failed; those before it are done, those after it unchanged.
        """
        if self.actor is not None:
            require_parameters(self.actor, self._account_id, self._region_name, template)
        self._load(template, parameters)
        wanted = [
            logical_id
            for logical_id in _in_dependency_order(template["Resources"])
            if self._condition_holds(template["Resources"][logical_id])
        ]
        for logical_id in wanted:
            self._require_not_cancelled()
            self._put(logical_id, copy.deepcopy(template["Resources"][logical_id]), emit, logical_id in skipped)
        self._require_not_cancelled()
        self._unwanted = [present for present in self._applied if present not in wanted]

    def _require_not_cancelled(self) -> None:
        if self.cancelled:
            self.cancelled = False  # The rollback goes on.
            raise UpdateCancelled

    def clean_up(self, emit: Emit) -> None:
        """Delete what an update removed or replaced; a failure leaves it behind without failing the stack."""
        for logical_id in reversed(self._unwanted):
            with contextlib.suppress(ResourceFailed):
                self._remove(logical_id, emit)
            self._forget(logical_id)
        self._unwanted.clear()
        for replaced in reversed(self._replaced):
            resource_type = replaced.applied.declaration["Type"]
            identity = (replaced.logical_id, str(replaced.resource.physical_resource_id), resource_type)
            if replaced.kept:
                emit(*identity, "DELETE_SKIPPED", None)
                continue
            emit(*identity, "DELETE_IN_PROGRESS", None)
            try:
                self._delete(replaced.resource, replaced.applied)
            except Exception as error:
                logger.exception("Delete of %s (%s), which was replaced, failed", replaced.logical_id, resource_type)
                emit(*identity, "DELETE_FAILED", str(error))
            else:
                emit(*identity, "DELETE_COMPLETE", None)
        self._replaced.clear()

    def remove_all(self, emit: Emit, retained: Collection[str] = ()) -> None:
        """Delete all resources in reverse order, except those retained by their policy or named in ``retained``."""
        for logical_id in reversed(list(self._applied)):
            if logical_id in retained:
                declaration = self._applied[logical_id].declaration
                emit(logical_id, self._physical_id(logical_id), declaration["Type"], "DELETE_SKIPPED", None)
                self._forget(logical_id)
            else:
                self._remove(logical_id, emit)
        self.clean_up(emit)

    def _forget(self, logical_id: str) -> None:
        self._applied.pop(logical_id, None)
        self._parsed_resources.pop(logical_id, None)

    def _load(self, template: dict[str, Any], parameters: dict[str, Any]) -> None:
        self._template = template
        self._resource_json_map = template["Resources"]
        self.input_parameters = parameters
        for name in self.resolved_parameters:
            self._parsed_resources.pop(name, None)
        self.resolved_parameters = {}
        self.load_mapping()
        self.load_parameters()
        self.load_conditions()

    def _condition_holds(self, declaration: Mapping[str, Any]) -> bool:
        condition = declaration.get("Condition")
        return condition is None or bool(self.lazy_condition_map[condition])

    def _put(self, logical_id: str, declaration: dict[str, Any], emit: Emit, skipped: bool) -> None:
        resource_type = declaration["Type"]
        before = self._applied.get(logical_id)
        verb = "UPDATE" if before else "CREATE"
        physical_id = self._physical_id(logical_id)
        try:
            properties = _without_no_value(parsing.clean_json(declaration.get("Properties", {}), self))
            resolved = {"Type": resource_type, "Properties": properties}
            if before and (skipped or (before.resolved == resolved and logical_id not in self._half_updated)):
                self._half_updated.discard(logical_id)
                self._applied[logical_id] = _Applied(declaration, resolved)
                return
            imported = False
            emit(logical_id, physical_id, resource_type, f"{verb}_IN_PROGRESS", None)
            resource = self._restored(logical_id, resolved)
            if resource is None:
                self._require_valid(logical_id, resolved)
                if before is None:
                    imported = self._is_imported(declaration, resolved)
                resource = self._update(logical_id, before, resolved) if before else self._create(logical_id, resolved)
        except Exception as error:
            logger.exception("%s of %s (%s) failed", verb, logical_id, resource_type)
            reason = getattr(error, "message", None) or str(error) or type(error).__name__
            emit(logical_id, physical_id, resource_type, f"{verb}_FAILED", reason)
            raise ResourceFailed(logical_id, reason) from error
        if before and resource is not self._parsed_resources[logical_id]:
            original = self._parsed_resources[logical_id]
            if (
                getattr(resource, "replaces", False) or self._is_replaced(before, resolved)
            ) and original.physical_resource_id != resource.physical_resource_id:
                self._replaced.append(_Replaced(logical_id, original, before, self._is_kept_when_replaced(before)))
        if before is None and not imported:
            self._created.add(logical_id)
        resource.cf_resource_type = resource_type
        resource.logical_resource_id = logical_id
        self._parsed_resources[logical_id] = resource
        self._applied[logical_id] = _Applied(declaration, resolved)
        note = getattr(resource, "status_reason", None)
        emit(logical_id, self._physical_id(logical_id), resource_type, f"{verb}_COMPLETE", note)

    def _require_valid(self, logical_id: str, resolved: Mapping[str, Any]) -> None:
        schema = schemas.schema(resolved["Type"], self._region_name)
        violations = schema.violations(resolved["Properties"]) if schema else []
        if violations:
            raise InvalidProperties(logical_id, violations)

    def _restored(self, logical_id: str, resolved: dict[str, Any]) -> Any:
        """Return the replaced resource that a rollback restores, or None if there is none."""
        for replaced in self._replaced:
            if replaced.logical_id == logical_id and replaced.applied.resolved == resolved:
                self._replaced.remove(replaced)
                return replaced.resource
        return None

    def _is_imported(self, declaration: Mapping[str, Any], resolved: Mapping[str, Any]) -> bool:
        """Return True if a new resource is an existing one, which the operation imports.

        Raises:
            AlreadyExists: A resource of its name exists, and is not imported.
        """
        name = self._taken_name(resolved)
        if name is None:
            return False
        if not self.imports_existing or not str(declaration.get("DeletionPolicy", "")).startswith("Retain"):
            raise existing.AlreadyExists(resolved["Type"], name)
        return True

    def _taken_name(self, resolved: Mapping[str, Any]) -> str | None:
        return existing.taken_name(resolved["Type"], resolved["Properties"], self._account_id, self._region_name)

    def _create(self, logical_id: str, resolved: dict[str, Any]) -> Any:
        resource_class = parsing.resource_class_from_type(resolved["Type"])
        name = self._name(logical_id, resolved)
        self._authorize("create", name, resolved)
        return resource_class.create_from_cloudformation_json(
            name,
            copy.deepcopy(resolved),  # moto modifies it.
            self._account_id,
            self._region_name,
            LogicalId=logical_id,
            StackId=self.stack_id,
            ResourceType=resolved["Type"],
        )

    def _update(self, logical_id: str, before: _Applied, resolved: dict[str, Any]) -> Any:
        """Update the resource in place, or create the one that replaces it, if a create-only property changed."""
        schema = schemas.schema(resolved["Type"], self._region_name)
        if schema and self._is_replaced(before, resolved):
            identifier = schema.identifier(resolved["Properties"])
            if identifier is not None and identifier == schema.identifier(before.resolved["Properties"]):
                raise NamedResourceReplaced(identifier)
            if name := self._taken_name(resolved):
                raise existing.AlreadyExists(resolved["Type"], name)
            return self._create(logical_id, resolved)
        resource_class = parsing.resource_class_from_type(resolved["Type"])
        if hasattr(resource_class.update_from_cloudformation_json, "__isabstractmethod__"):
            raise NotImplementedError(f"The local cloud cannot update a {resolved['Type']}.")
        # A rollback also updates the resource whose update failed, because part of it may have been done.
        self._half_updated.add(logical_id)
        self._authorize("update", self._physical_id(logical_id), resolved, before.resolved)
        updated = resource_class.update_from_cloudformation_json(
            original_resource=self._parsed_resources[logical_id],
            new_resource_name=self._name(logical_id, resolved),
            cloudformation_json=copy.deepcopy(resolved),
            account_id=self._account_id,
            region_name=self._region_name,
        )
        self._half_updated.discard(logical_id)
        return updated

    def _is_replaced(self, before: _Applied, resolved: Mapping[str, Any]) -> bool:
        if before.resolved["Type"] != resolved["Type"]:
            return True
        schema = schemas.schema(resolved["Type"], self._region_name)
        return schema is not None and bool(schema.replaced_by(before.resolved["Properties"], resolved["Properties"]))

    def _name(self, logical_id: str, resolved: dict[str, Any]) -> str:
        """Return the name from the template, or a generated one."""
        name_property = resource_name_property_from_type(resolved["Type"])
        given = resolved["Properties"].get(name_property) if name_property else None
        stack_name = self["AWS::StackName"]
        return str(given or generated_name(resolved["Type"], str(stack_name), logical_id))

    def _remove(self, logical_id: str, emit: Emit) -> None:
        applied = self._applied[logical_id]
        physical_id, resource_type = self._physical_id(logical_id), applied.declaration["Type"]
        if self._is_kept(logical_id):
            emit(logical_id, physical_id, resource_type, "DELETE_SKIPPED", None)
        else:
            emit(logical_id, physical_id, resource_type, "DELETE_IN_PROGRESS", None)
            try:
                self._delete(self._parsed_resources[logical_id], applied)
            except Exception as error:
                logger.exception("Delete of %s (%s) failed", logical_id, resource_type)
                reason = getattr(error, "message", None) or str(error) or type(error).__name__
                emit(logical_id, physical_id, resource_type, "DELETE_FAILED", reason)
                raise ResourceFailed(logical_id, reason) from error
            emit(logical_id, physical_id, resource_type, "DELETE_COMPLETE", None)
        self._forget(logical_id)

    def _is_kept(self, logical_id: str) -> bool:
        """Return True if a resource outlives the stack.

        Retain also keeps what a rolled back operation created; only RetainExceptOnCreate does not. See
        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html.
        """
        policy = self._applied[logical_id].declaration.get("DeletionPolicy", "Delete")
        return policy == "Retain" or (policy == "RetainExceptOnCreate" and logical_id not in self._created)

    @staticmethod
    def _is_kept_when_replaced(applied: _Applied) -> bool:
        return bool(applied.declaration.get("UpdateReplacePolicy", "Delete") == "Retain")

    def _delete(self, resource: Any, applied: _Applied) -> None:
        resource_class = parsing.resource_class_from_type(applied.declaration["Type"])
        self._authorize("delete", str(resource.physical_resource_id or ""), applied.resolved)
        if isinstance(resource, ResourceModel):
            resource.remove()
        elif not hasattr(resource_class.delete_from_cloudformation_json, "__isabstractmethod__"):
            parse_and_delete_resource(
                resource.physical_resource_id, applied.resolved, self._account_id, self._region_name
            )
        else:
            resource.delete(self._account_id, self._region_name)

    def _authorize(
        self, handler: str, name: str, resolved: Mapping[str, Any], before: Mapping[str, Any] | None = None
    ) -> None:
        if self.actor is not None:
            resource = HandledResource(
                type=resolved["Type"],
                name=name,
                properties=resolved["Properties"],
                account=self._account_id,
                region=self._region_name,
                before=before["Properties"] if before else None,
            )
            require_permissions(self.actor, handler, resource)

    def _physical_id(self, logical_id: str) -> str:
        return str(getattr(self._parsed_resources.get(logical_id), "physical_resource_id", "") or "")


def _in_dependency_order(resources: Mapping[str, Any]) -> list[str]:
    """Return the logical ids with dependencies first, otherwise in the template's order."""
    graph: TopologicalSorter[str] = TopologicalSorter()
    for logical_id, declaration in resources.items():
        depends_on = declaration.get("DependsOn", [])
        explicit = [depends_on] if isinstance(depends_on, str) else depends_on
        graph.add(logical_id, *(name for name in (*explicit, *references(declaration)) if name in resources))
    return list(graph.static_order())


def _without_no_value(value: Any) -> Any:
    """Drop ``AWS::NoValue``; moto drops it from objects but not from lists."""
    if isinstance(value, list):
        return [_without_no_value(item) for item in value if item is not None]
    if isinstance(value, dict):
        return {key: _without_no_value(item) for key, item in value.items()}
    return value


def parse_template(template: str | dict[str, Any]) -> dict[str, Any]:
    """Return a template as an object; moto's YAML parser would be slow on the CDK's JSON."""
    if isinstance(template, dict):
        return template
    try:
        document: dict[str, Any] = json.loads(template)
    except ValueError:
        from moto.cloudformation.models import Stack

        document = Stack.parse_template(template)
    return document
