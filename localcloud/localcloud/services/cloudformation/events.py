"""Stack status events that CloudFormation sends to EventBridge.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html.
"""

from localcloud.core import event_bus

STACK_CHANGED = "CloudFormation Stack Status Change"


def send(stack_id: str, status: str, reason: str | None, client_request_token: str | None) -> None:
    """Send the event for a stack's new status."""
    detail = {
        "stack-id": stack_id,
        "status-details": {"status": status, "status-reason": reason or ""},
        "client-request-token": client_request_token or "",
    }
    event_bus.send("aws.cloudformation", STACK_CHANGED, [stack_id], detail)
