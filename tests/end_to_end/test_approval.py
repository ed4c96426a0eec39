"""Approving and rejecting models: concurrent approvals, a model that fails to start, and rollback."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.control import LocalCloud
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, outputs_of, versions, wait_for

GROUP = "topicsmith-small"
STACK = "topicsmith-small-serving"


class Registry:
    """The small environment's models and the one that its endpoint serves.

    Attributes:
        trained: ARN of the model trained by a run; initially served.
    """

    def __init__(self, clients: Clients, trained: str) -> None:
        self.trained = trained
        self._clients = clients
        self._sagemaker = clients("sagemaker")

    def copy(self, model_data: str | None = None) -> str:
        """Register the trained model again, optionally with other model data, and return the ARN."""
        described = self._sagemaker.describe_model_package(ModelPackageName=self.trained)
        specification = described["InferenceSpecification"]
        (container,) = specification["Containers"]
        container = {key: container[key] for key in ("Image", "ModelDataUrl") if key in container}
        arn: str = self._sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                **specification,
                "Containers": [{**container, **({"ModelDataUrl": model_data} if model_data else {})}],
            },
        )["ModelPackageArn"]
        return arn

    def decide(self, arn: str, status: str = "Approved") -> None:
        self._sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)

    def served(self) -> str | None:
        """Return the ARN of the served model, or ``None`` during an update."""
        (stack,) = self._clients("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        endpoint = self._sagemaker.describe_endpoint(EndpointName=GROUP)
        if stack["StackStatus"].endswith("_IN_PROGRESS") or endpoint["EndpointStatus"] != "InService":
            return None
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        name = config["ProductionVariants"][0]["ModelName"]
        arn: str = self._sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelPackageName"]
        return arn

    def wait_until_served(self, arn: str) -> None:
        wait_for(lambda: self.served() == arn, f"{arn} is served", 900)

    def resource(self, type_: str, logical_id: str) -> str:
        resources = self._clients("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        (found,) = (
            one["PhysicalResourceId"]
            for one in resources
            if one["ResourceType"] == type_ and one["LogicalResourceId"].startswith(logical_id)
        )
        return str(found)

    def messages(self, logical_id: str) -> int:
        """Return the number of messages in a queue, including those in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.resource("AWS::SQS::Queue", logical_id)
        return sum(
            int(count)
            for count in self._clients("sqs")
            .get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            .values()
        )


@pytest.fixture(scope="module")
def registry(small_run: Any, small: Operator, clients: Clients) -> Iterator[Registry]:
    """The small environment, serving its run's model; decisions on a busy stack are retried after short pauses."""
    version = small_run["model_version"]
    small("approve", str(version), "--wait")
    registry = Registry(clients, next(arn for arn in versions(clients, "small") if arn.endswith(f"/{version}")))
    function = registry.resource("AWS::Lambda::Function", "ApprovalDeploy")
    functions = clients("lambda")
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    quick = {**variables, "FIRST_RETRY_SECONDS": "5", "LONGEST_PAUSE_SECONDS": "20"}
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": quick})
    yield registry
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


def test_of_two_concurrent_approvals_the_last_one_is_served(registry: Registry) -> None:
    first, second = registry.copy(), registry.copy()
    registry.decide(first)
    registry.decide(second)
    wait_for(
        lambda: registry.served() == second and not registry.messages("ApprovalQueue"),
        "both approvals are deployed",
        900,
    )
    assert registry.messages("ApprovalDeadLetters") == 0


def test_a_model_that_fails_to_start_is_reported_and_the_old_one_stays_served(
    registry: Registry, small: Operator, clients: Clients, cloud: LocalCloud
) -> None:
    before = wait_for(registry.served, "something is served")
    bucket = outputs_of(clients, "small")["DataBucketName"]
    clients("s3").upload_fileobj(io.BytesIO(b"no archive"), bucket, "models/broken/model.tar.gz")
    broken = registry.copy(f"s3://{bucket}/models/broken/model.tar.gz").rpartition("/")[2]

    failed = small.attempt("approve", broken, "--wait")

    assert failed.returncode == 1
    assert f"Version {broken} could not be served: Endpoint" in failed.stderr
    assert f"Version {before.rpartition('/')[2]} is still served." in failed.stderr
    assert registry.served() == before
    assert small("infer", "the harbour and the vessel")["predictions"]

    def notification() -> dict[str, str] | None:
        file = cloud.messages_file
        messages = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return next((one for one in messages if f"version {broken} failed" in str(one)), None)

    message = json.dumps(wait_for(notification, "a notification of the failure"))
    assert f"Version {before.rpartition('/')[2]} is still being served" in message
    assert registry.messages("ApprovalDeadLetters") == 0


def test_rejecting_the_served_model_restores_the_previous_one(registry: Registry) -> None:
    before = wait_for(registry.served, "something is served")
    bad = registry.copy()
    registry.decide(bad)
    registry.wait_until_served(bad)
    registry.decide(bad, "Rejected")
    registry.wait_until_served(before)


def test_repeated_rollbacks_go_back_one_version_each(registry: Registry, small: Operator) -> None:
    oldest = wait_for(registry.served, "something is served")
    newer = [registry.copy(), registry.copy()]
    for arn in newer:
        registry.decide(arn)
        registry.wait_until_served(arn)
    expected = [newer[0], oldest]
    for arn in expected:
        answer = small("rollback")
        assert answer["to"] == int(arn.rpartition("/")[2])
        assert registry.served() == arn


def test_a_rollback_goes_back_to_any_approved_version(registry: Registry, small: Operator) -> None:
    later = registry.copy()
    registry.decide(later)
    registry.wait_until_served(later)
    small("rollback", "--to", registry.trained.rpartition("/")[2])
    assert registry.served() == registry.trained
