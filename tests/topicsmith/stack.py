"""CloudFormation events of dev's serving stack."""

from moto.cloudformation.models import Event, cloudformation_backends

from tests.topicsmith.account import ACCOUNT, REGION

STACK = "topicsmith-dev-serving"


def happen(
    status: str, *, version: int | None = None, resource: str | None = None, reason: str = "", token: str = ""
) -> None:
    """Add an event to the stack; an event of the stack itself also sets its status.

    Args:
        status: ResourceStatus.
        version: Version of the model that the update sets.
        resource: Logical id of a resource; None for the stack.
        reason: ResourceStatusReason.
        token: ClientRequestToken of an update not caused by an approval.
    """
    stack = cloudformation_backends[ACCOUNT][REGION].get_stack(STACK)
    event = Event(
        stack_id=stack.stack_id,
        stack_name=STACK,
        logical_resource_id=resource or STACK,
        physical_resource_id=resource or stack.stack_id,
        resource_type="AWS::SageMaker::Endpoint" if resource else "AWS::CloudFormation::Stack",
        resource_status=status,
        resource_status_reason=reason,
        resource_properties=None,
    )
    event.client_request_token = token or (f"model-{version}-event" if version else None)  # type: ignore[assignment]
    stack.events.append(event)
    if resource is None:
        stack.status = status


def update(version: int, status: str = "UPDATE_COMPLETE") -> None:
    """Update the stack to a model, ending with ``status``."""
    happen("UPDATE_IN_PROGRESS", version=version)
    happen(status, version=version)
