"""Waiting for an approved model to reach the endpoint."""

import json
from collections.abc import Callable

import boto3
import pytest

from tests.topicsmith.account import Account, backend
from tests.topicsmith.stack import happen, update
from topicsmith.core import environment
from topicsmith.core.aws import Clients
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.models import models
from topicsmith.models.models import ModelVersion
from topicsmith.serving import rollout
from topicsmith.serving.rollout import Rollout
from topicsmith.serving.serving import Endpoint

Happening = Callable[[], object]


class Waiting:
    """Harness for waiting with a fake clock, which only sleeping advances; each poll may trigger an event."""

    def __init__(self, clients: Clients, deployment: Deployment, model: ModelVersion) -> None:
        self.progress: list[str] = []
        self.now = 0.0
        self._happenings: list[Happening] = []
        models.approve(clients.sagemaker, model)
        self._rollout = Rollout(
            clients, deployment, model, self.progress.append, sleep=self._sleep, clock=lambda: self.now
        )

    def __call__(self, *happenings: Happening) -> Endpoint:
        self._happenings = list(happenings)
        return self._rollout.wait()

    def fails(self, *happenings: Happening) -> tuple[str, str]:
        with pytest.raises(OperatorError) as caught:
            self(*happenings)
        return caught.value.message, caught.value.next_step or ""

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._happenings:
            self._happenings.pop(0)()


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


@pytest.fixture
def waiting(clients: Clients, deployment: Deployment, model: ModelVersion) -> Waiting:
    return Waiting(clients, deployment, model)


def in_service() -> None:
    backend().endpoints["topicsmith-dev"].endpoint_status = "InService"


def test_waiting_reports_each_change_once(deployed: Account, waiting: Waiting, model: ModelVersion) -> None:
    served = waiting(
        lambda: None,
        lambda: happen("UPDATE_IN_PROGRESS", version=1),
        lambda: deployed.serve(model.arn, status="Creating"),
        lambda: None,
        in_service,
        lambda: happen("UPDATE_COMPLETE", version=1),
    )
    assert served.model_version == 1
    assert waiting.progress == [
        "the approval has not reached the stack yet",
        "stack UPDATE_IN_PROGRESS, endpoint not there yet",
        "stack UPDATE_IN_PROGRESS, endpoint Creating",
        # The endpoint already serves it, but the rest of the stack can still fail.
        "stack UPDATE_IN_PROGRESS, endpoint InService",
    ]


def test_an_already_served_model_needs_no_waiting(deployed: Account, waiting: Waiting, model: ModelVersion) -> None:
    deployed.serve(model.arn)
    assert waiting().status == "InService"
    assert waiting.progress == []


def test_a_served_model_is_not_final_during_another_update(
    deployed: Account, waiting: Waiting, model: ModelVersion
) -> None:
    deployed.serve(model.arn)
    happen("UPDATE_IN_PROGRESS", version=9)
    waiting(lambda: None, lambda: update(9), lambda: update(1))
    assert waiting.progress[0] == "stack topicsmith-dev-serving is UPDATE_IN_PROGRESS; the approval waits for it"


def test_a_busy_stacks_failure_is_not_the_approvals(deployed: Account, waiting: Waiting, model: ModelVersion) -> None:
    def deployment_fails() -> None:
        happen("UPDATE_FAILED", resource="Dashboard", reason="no such metric", token="cdk")
        happen("UPDATE_ROLLBACK_COMPLETE", token="cdk")

    def served() -> None:
        deployed.serve(model.arn)
        update(1)

    assert waiting(lambda: happen("UPDATE_IN_PROGRESS", token="cdk"), deployment_fails, lambda: None, served)
    assert waiting.progress == [
        "the approval has not reached the stack yet",
        "stack topicsmith-dev-serving is UPDATE_IN_PROGRESS; the approval waits for it",
        "the approval has not reached the stack yet",
    ]


def test_after_a_long_wait_for_a_busy_stack_the_approval_has_its_longer_pause(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clients, "poll_seconds", 100.0)
    happen("UPDATE_IN_PROGRESS", token="cdk")
    busy = [lambda: None] * 10
    message, _ = waiting.fails(*busy, lambda: happen("UPDATE_COMPLETE", token="cdk"))
    assert message == "The approval did not reach stack topicsmith-dev-serving."
    # Busy for 1,000 s, then the longest pause (900 s) plus the usual time of an approval (300 s).
    assert 1000 + 900 + 300 < waiting.now < 1000 + 900 + 300 + 300


def test_a_stuck_stack_is_reported_with_the_functions_log(waiting: Waiting) -> None:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    resources = {
        name: {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": name,
                "Role": role,
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Code": {"ZipFile": "def handler(event, context): pass"},
            },
        }
        for name in ("ApprovalDeployFunction", "Another")
    }
    change_stack(resources)
    message, step = waiting.fails()
    assert message == "The approval did not reach stack topicsmith-dev-serving."
    assert "/aws/lambda/ApprovalDeployFunction" in step
    assert "Another" not in step
    assert 300 < waiting.now < 310


def change_stack(resources: dict[str, object]) -> None:
    template = {
        "Parameters": {"ModelPackageArn": {"Type": "String", "Default": ""}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **resources},
        "Outputs": {"EndpointName": {"Value": "topicsmith-dev"}},
    }
    boto3.client("cloudformation").update_stack(StackName="topicsmith-dev-serving", TemplateBody=json.dumps(template))


def fail_and_roll_back(status: str = "UPDATE_ROLLBACK_COMPLETE") -> None:
    happen("UPDATE_IN_PROGRESS", version=2)
    happen("UPDATE_FAILED", version=2, resource="Endpoint", reason="it did not answer a ping")
    happen("UPDATE_FAILED", version=2, resource="Config", reason="cancelled")
    happen(status, version=2)


@pytest.fixture
def second(deployed: Account, clients: Clients, deployment: Deployment, model: ModelVersion) -> Waiting:
    """A harness that waits for version 2 while version 1 is served."""
    deployed.serve(model.arn)
    return Waiting(clients, deployment, models.describe(clients.sagemaker, deployed.register()))


def test_a_failed_update_is_reported_with_the_first_reason_and_the_served_model(second: Waiting) -> None:
    message, step = second.fails(fail_and_roll_back)
    assert message == "Version 2 could not be served: Endpoint: it did not answer a ping"
    assert "CloudFormation rolled the update back. Version 1 is still served." in step
    assert "/aws/sagemaker/Endpoints/topicsmith-dev" in step


def test_waiting_includes_the_rollback_and_reports_its_reason(second: Waiting) -> None:
    second.fails(lambda: fail_and_roll_back("UPDATE_ROLLBACK_IN_PROGRESS"), fail_and_roll_back)
    assert second.progress[-1] == (
        "stack UPDATE_ROLLBACK_IN_PROGRESS, endpoint InService: Endpoint: it did not answer a ping"
    )


def test_a_failed_rollback_is_reported_with_the_manual_steps(second: Waiting) -> None:
    backend().endpoints["topicsmith-dev"].endpoint_status = "Failed"
    _, step = second.fails(lambda: fail_and_roll_back("UPDATE_ROLLBACK_FAILED"))
    assert "is UPDATE_ROLLBACK_FAILED: continue the rollback in CloudFormation" in step
    assert "Endpoint topicsmith-dev is Failed" in step


def test_if_the_first_model_fails_no_model_is_served(waiting: Waiting) -> None:
    _, step = waiting.fails(lambda: update(1, "UPDATE_ROLLBACK_COMPLETE"))
    assert "Nothing is served, as before." in step


def test_failures_before_the_approval_do_not_count(
    deployed: Account, clients: Clients, deployment: Deployment, model: ModelVersion
) -> None:
    update(1, "UPDATE_ROLLBACK_COMPLETE")
    waiting = Waiting(clients, deployment, model)

    def served() -> None:
        deployed.serve(model.arn)
        update(1)

    assert waiting(served).model_version == 1


def test_a_withdrawn_approval_is_not_waited_for(waiting: Waiting, clients: Clients, model: ModelVersion) -> None:
    message, _ = waiting.fails(lambda: models.reject(clients.sagemaker, model, "no good"))
    assert message == "Version 1 is Rejected now and will not be served."


def test_a_superseded_approval_is_not_waited_for(waiting: Waiting, deployed: Account, clients: Clients) -> None:
    def outdo() -> None:
        other = models.describe(clients.sagemaker, deployed.register())
        models.approve(clients.sagemaker, other)
        deployed.serve(other.arn)

    message, step = waiting.fails(outdo)
    assert message == "Version 2 was approved after version 1 and is served instead."
    assert "approve 1 --wait --env dev" in step


def test_waiting_ends_if_the_endpoint_never_serves_the_model(second: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clients, "poll_seconds", 100.0)
    message, _ = second.fails(lambda: update(2))
    assert "does not serve it: it is InService, with version 1." in message
    assert 3000 < second.now < 3400


def test_an_update_may_take_as_long_as_cloudformation_allows(
    second: Waiting, deployed: Account, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clients, "poll_seconds", 1000.0)
    slow = [lambda: None] * 20

    def end() -> None:
        name = backend().endpoints["topicsmith-dev"].endpoint_config_name
        model_name = backend().endpoint_configs[name].production_variants[0]["ModelName"]
        backend()._models[model_name].primary_container["ModelPackageName"] = models.newest(
            clients.sagemaker, environment.load(clients, "dev")
        ).arn
        happen("UPDATE_COMPLETE", version=2)

    assert second(lambda: happen("UPDATE_IN_PROGRESS", version=2), *slow, end).model_version == 2


def test_a_busy_stack_is_reported_with_its_target_and_how_to_cancel(clients: Clients, deployment: Deployment) -> None:
    rollout.require_idle(clients, deployment)
    happen("UPDATE_IN_PROGRESS", version=7)
    with pytest.raises(OperatorError, match="is UPDATE_IN_PROGRESS, to version 7") as caught:
        rollout.require_idle(clients, deployment)
    assert "aws cloudformation cancel-update-stack --stack-name topicsmith-dev-serving" in str(caught.value.next_step)


def approve_all(deployed: Account, clients: Clients, count: int) -> list[str]:
    arns = [deployed.register() for _ in range(count)]
    for arn in arns:
        clients.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arns


def test_the_previous_version_is_the_last_served_one_that_is_still_approved(
    deployed: Account, clients: Clients, deployment: Deployment
) -> None:
    arns = approve_all(deployed, clients, 6)
    for version in (2, 1, 3, 4):
        update(version)
    update(6, "UPDATE_ROLLBACK_COMPLETE")
    update(5)
    clients.sagemaker.update_model_package(ModelPackageArn=arns[3], ModelApprovalStatus="Rejected")
    del backend().model_packages[arns[2]]

    # Version 6 was never served, 4 was rejected, 3 was deleted.
    assert rollout.previous(clients, deployment, 5).version == 1


def test_without_a_history_the_previous_version_is_the_highest_approved_one_below(
    deployed: Account, clients: Clients, deployment: Deployment
) -> None:
    approve_all(deployed, clients, 4)
    assert rollout.previous(clients, deployment, 3).version == 2


def test_no_previous_version_is_an_error(deployed: Account, clients: Clients, deployment: Deployment) -> None:
    approve_all(deployed, clients, 2)
    update(1)
    with pytest.raises(OperatorError, match="There is no version to roll back to: version 1 is served"):
        rollout.previous(clients, deployment, 1)
