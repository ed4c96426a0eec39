"""What a decision changes: the registry and the stack say, so that neither order nor repetition of messages matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decision import Decision, version_of, with_version
from registry import look_up
from serving_stack import ServingStack

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def follow(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    """Serve the model that was approved; where the served one was rejected, the one that was served before it.

    Returns:
        What was done, or why nothing was.

    Raises:
        serving_stack.StackBusy: it has to wait until the stack can be updated.
        botocore.exceptions.ClientError: something could not be asked or done.
    """
    if not decision.is_new:
        return "its approval is what it was"
    now = look_up(sagemaker, decision.model_package)
    if now is None:
        return "it was deleted"
    if now.approval != decision.status:
        return f"it is {now.approval} by now"
    stack.require_idle()
    if decision.status == "Approved":
        return _follow_approval(decision.within_second(now.changed), sagemaker, stack)
    return _follow_rejection(decision, sagemaker, stack)


def _follow_approval(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    served = stack.model_package
    if served == decision.model_package:
        return f"{stack.name} serves it already"
    if any(deployment.event == decision.event for deployment in stack.deployments()):
        return f"{stack.name} was given it before"
    current = look_up(sagemaker, served) if served else None
    if served and current and current.approval == "Approved":
        version = version_of(served)
        # Of two at the same moment, the higher version is the later.
        if (current.changed, version) > (decision.made, decision.version):
            return f"version {version}, which {stack.name} serves, was approved later"
    return _serve(decision.model_package, decision, stack)


def _follow_rejection(decision: Decision, sagemaker: SageMakerClient, stack: ServingStack) -> str:
    if stack.model_package != decision.model_package:
        return f"{stack.name} does not serve it"
    before = dict.fromkeys(one.version for one in stack.deployments() if one.succeeded)
    for version in before:
        model_package = with_version(decision.model_package, version)
        registered = look_up(sagemaker, model_package) if version != decision.version else None
        if registered and registered.approval == "Approved":
            return _serve(model_package, decision, stack)
    return f"{stack.name} goes on serving it: no model that was served before is approved"


def _serve(model_package: str, decision: Decision, stack: ServingStack) -> str:
    begun = stack.serve(model_package, decision)
    return f"{stack.name} {'is being updated to serve' if begun else 'serves'} version {version_of(model_package)}"
