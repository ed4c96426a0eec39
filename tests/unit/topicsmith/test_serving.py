"""How an approved model reaches the endpoint, and what is said when it does not."""

import json
from typing import Any

import boto3
import pytest

from tests.unit.topicsmith.account import Account, backend
from topicsmith import environment, models, serving
from topicsmith.aws import Clients
from topicsmith.environment import Deployment
from topicsmith.errors import OperatorError
from topicsmith.models import ModelVersion

STACK = "topicsmith-dev-serving"


class Clock:
    """Time that passes only while one sleeps, and what happens meanwhile."""

    def __init__(self, *happenings: Any) -> None:
        self.now = 0.0
        self._happenings = list(happenings)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._happenings:
            self._happenings.pop(0)()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clients(deployed: Account) -> Clients:
    del deployed
    return Clients()


@pytest.fixture
def deployment(clients: Clients) -> Deployment:
    return environment.load(clients, "dev")


@pytest.fixture
def model(deployed: Account, clients: Clients) -> ModelVersion:
    return models.describe(clients.sagemaker, deployed.register())


def wait(clients: Clients, deployment: Deployment, model: ModelVersion, clock: Clock, told: list[str]) -> Any:
    last = serving.last_stack_event(clients.cloudformation, deployment.serving_stack)
    return serving.wait_until_served(clients, deployment, model, last, told.append, clock.sleep, clock)


def test_waiting_tells_each_change_once(
    deployed: Account, clients: Clients, deployment: Deployment, model: ModelVersion
) -> None:
    def create() -> None:
        deployed.serve(model.arn, status="Creating")

    def ready() -> None:
        backend().endpoints["topicsmith-dev"].endpoint_status = "InService"

    told: list[str] = []
    clock = Clock(lambda: None, create, lambda: None, ready)
    assert wait(clients, deployment, model, clock, told).model_version == 1
    assert told == ["endpoint not there yet", "endpoint Creating"]


def test_an_endpoint_in_service_with_another_model_is_not_it(
    deployed: Account, clients: Clients, deployment: Deployment, model: ModelVersion
) -> None:
    deployed.serve(deployed.register())
    with pytest.raises(OperatorError, match="The approval did not reach stack topicsmith-dev-serving"):
        wait(clients, deployment, model, Clock(), [])


def test_a_stack_that_does_not_move_names_the_functions_log(
    clients: Clients, deployment: Deployment, model: ModelVersion
) -> None:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "deploy-model",
            "Role": role,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Code": {"ZipFile": "def handler(event, context): pass"},
        },
    }
    _update_stack({"Function": function})
    clock = Clock()
    with pytest.raises(OperatorError) as caught:
        wait(clients, deployment, model, clock, [])
    assert caught.value.next_step is not None
    assert "/aws/lambda/deploy-model" in caught.value.next_step
    assert 300 < clock.now < 310


def test_a_failed_update_tells_the_first_reason(
    clients: Clients, deployment: Deployment, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        {"ResourceStatus": "UPDATE_ROLLBACK_COMPLETE", "EventId": "4"},
        {"ResourceStatus": "UPDATE_FAILED", "EventId": "3", "ResourceStatusReason": "cancelled"},
        {
            "ResourceStatus": "CREATE_FAILED",
            "EventId": "2",
            "LogicalResourceId": "Endpoint",
            "ResourceStatusReason": "no capacity",
        },
        {"ResourceStatus": "UPDATE_FAILED", "EventId": "1", "ResourceStatusReason": "long ago"},
    ]
    monkeypatch.setattr(clients.cloudformation, "describe_stack_events", lambda **_: {"StackEvents": events})
    with pytest.raises(OperatorError) as caught:
        serving.wait_until_served(clients, deployment, model, "1", lambda _: None, Clock().sleep, Clock())
    assert "could not be updated: Endpoint: no capacity" in caught.value.message


def test_a_stack_that_moves_for_ever_is_given_up(
    clients: Clients, deployment: Deployment, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clients, "poll_seconds", 100.0)
    clock = Clock(lambda: _update_stack({"Other": {"Type": "AWS::SNS::Topic"}}))
    with pytest.raises(OperatorError, match="does not serve version 1 after 52 minutes"):
        wait(clients, deployment, model, clock, [])


def _update_stack(resources: dict[str, object]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **resources},
        "Outputs": {"EndpointName": {"Value": "topicsmith-dev"}},
    }
    boto3.client("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps(template))
