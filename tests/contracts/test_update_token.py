"""Request token of the serving stack's updates: one program writes it, three read it."""

import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from lambdas.notify_update import handler as notify_update
from topicsmith.serving import stack_updates

FUNCTION = Path(__file__).parents[2] / "lambdas" / "deploy_model"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/topicsmith-dev-serving/1"
ROLE = "arn:aws:iam::123456789012:role/update"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/12"
EVENT = "c1d5f0a2-1111-2222-3333-444455556666"


def stack_events(token: str) -> dict[str, Any]:
    own = {
        "StackId": STACK,
        "StackName": "topicsmith-dev-serving",
        "EventId": "1",
        "PhysicalResourceId": STACK,
        "Timestamp": datetime(2026, 12, 1, tzinfo=UTC),
        "ResourceStatus": "UPDATE_COMPLETE",
        "ClientRequestToken": token,
    }
    return {"StackEvents": [own]}


@pytest.fixture
def serving_stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module of the function that updates the stack, imported as in its zip."""
    monkeypatch.syspath_prepend(FUNCTION)
    return importlib.import_module("serving_stack")


def test_all_programs_read_the_token_that_deploy_model_writes(serving_stack: Any) -> None:
    decision = importlib.import_module("decision").Decision(EVENT, datetime.now(UTC), PACKAGE, "Approved", True)
    cloudformation = boto3.client("cloudformation", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    sent: dict[str, Any] = {}
    cloudformation.meta.events.register(
        "provide-client-params.cloudformation.UpdateStack", lambda params, **_: sent.update(params)
    )
    with Stubber(cloudformation) as stub:
        described = {
            "StackName": "topicsmith-dev-serving",
            "StackStatus": "UPDATE_COMPLETE",
            "CreationTime": decision.made,
        }
        stub.add_response("describe_stacks", {"Stacks": [described]}, {"StackName": STACK})
        expected = dict.fromkeys(
            ("StackName", "UsePreviousTemplate", "Parameters", "RoleARN", "Capabilities", "ClientRequestToken"), ANY
        )
        stub.add_response("update_stack", {"StackId": STACK}, expected)
        names = serving_stack.StackNames(STACK, "ModelPackageArn", "ModelApprovedAt", "topicsmith-dev", ROLE)
        stack = serving_stack.ServingStack(cloudformation, None, names)
        assert stack.serve(PACKAGE, decision.made, decision)

        token = sent["ClientRequestToken"]
        stub.add_response("describe_stack_events", stack_events(token), {"StackName": STACK})
        (deployment,) = stack.deployments()
        assert (deployment.version, deployment.event) == (12, EVENT)

        stub.add_response("describe_stack_events", stack_events(token), {"StackName": STACK})
        (update,) = stack_updates.updates(cloudformation, STACK)
        assert update.version == 12

    found = notify_update._TOKEN.fullmatch(token)
    assert found is not None
    assert found["version"] == "12"


def test_no_program_mistakes_another_token_for_a_model(serving_stack: Any) -> None:
    for token in ("", "cdk-deploy-12", "model-12", "model-x-event"):
        patterns = (serving_stack._TOKEN, notify_update._TOKEN, stack_updates._TOKEN)
        assert [pattern.fullmatch(token) for pattern in patterns] == [None, None, None]
