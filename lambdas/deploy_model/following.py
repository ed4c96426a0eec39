"""Application of approval decisions to the serving stack.

Each decision is checked against the registry and the stack, so messages may arrive repeatedly and in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from decision import Decision, version_of, with_version
from registry import look_up
from serving_stack import ServingStack

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_sagemaker import SageMakerClient


def follow(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    """Serve an approved model, or fall back to the previous one if the served model was rejected.

    Returns:
        The action taken, or the reason for taking none.

    Raises:
        serving_stack.StackBusy: The stack cannot be updated yet.
        botocore.exceptions.ClientError: An AWS request failed.
    """
    if not decision.is_new:
        return "its approval status did not change"
    now = look_up(sagemaker, decision.model_package)
    if now is None:
        return "it was deleted"
    if now.approval != decision.status:
        return f"it is now {now.approval}"
    stack.require_idle()
    if decision.status == "Approved":
        return _follow_approval(decision.within_second(now.changed), sagemaker, stack)
    return _follow_rejection(decision, sagemaker, stack)


def _follow_approval(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    served, approved = stack.model_package, stack.approved
    if served == decision.model_package and (approved is None or approved >= decision.made):
        return f"{stack.name} already serves it"
    if any(deployment.event == decision.event for deployment in stack.deployments()):
        return f"{stack.name} was already updated for this event"
    current = look_up(sagemaker, served) if served else None
    if served and current and current.approval == "Approved":
        version = version_of(served)
        # The registry's time is that of any change, but models deployed with the template have no other. Ties are
        # broken by the version number.
        if (approved or current.changed, version) > (decision.made, decision.version):
            return f"version {version}, which {stack.name} serves, was approved later"
    return _serve(decision.model_package, decision.made, decision, stack)


def _follow_rejection(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    if stack.model_package != decision.model_package:
        return f"{stack.name} does not serve it"
    began: dict[int, datetime] = {}
    for deployment in stack.deployments():
        if deployment.succeeded and deployment.version != decision.version:
            began.setdefault(deployment.version, deployment.began)
    for version, time in began.items():
        model_package = with_version(decision.model_package, version)
        registered = look_up(sagemaker, model_package)
        if registered and registered.approval == "Approved":
            # It was approved before it was deployed; later changes are others.
            return _serve(model_package, min(registered.changed, time), decision, stack)
    return f"{stack.name} keeps serving it: no previously served model is still approved"


def _serve(model_package: str, approved: datetime, decision: Decision, stack: ServingStack) -> str:
    begun = stack.serve(model_package, approved, decision)
    return f"{stack.name} {'is being updated to serve' if begun else 'serves'} version {version_of(model_package)}"
