"""A mocked account with a serving stack and a queue of approval events."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.models import cloudformation_backends
from moto.sagemaker.models import sagemaker_backends

# As in the function's zip file, its modules are at the root of sys.path.
sys.path.insert(0, str(Path(__file__).parents[3] / "lambdas" / "deploy_model"))

from handler import Answer, handler

ACCOUNT, REGION, GROUP = "123456789012", "us-east-1", "topicsmith-dev"
STACK_ROLE = f"arn:aws:iam::{ACCOUNT}:role/topicsmith-dev-serving-UpdateRole"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEMPLATE = {
    "Parameters": {
        "ModelPackageArn": {"Type": "String", "Default": ""},
        "ModelApprovedAt": {"Type": "String", "Default": ""},
        "Other": {"Type": "String", "Default": "as deployed"},
    },
    "Conditions": {"HasModel": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]}},
    "Resources": {
        "Always": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Other"}}},
        "WithModel": {"Type": "AWS::SQS::Queue", "Condition": "HasModel"},
    },
}


class Cloud:
    """The mocked account and the function in it.

    Attributes:
        requests: Parameters of the UpdateStack calls.
        outcome: Final status of the updates.
    """

    def __init__(self) -> None:
        self.cloudformation = boto3.client("cloudformation")
        self.sagemaker = boto3.client("sagemaker")
        self.sqs: Any = boto3.client("sqs")  # type: ignore[call-overload]
        self.stack_id = self.cloudformation.create_stack(
            StackName=f"{GROUP}-serving",
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "Other", "ParameterValue": "changed by hand"}],
        )["StackId"]
        self.queue_url = self.sqs.create_queue(QueueName="decisions")["QueueUrl"]
        self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        self.requests: list[dict[str, Any]] = []
        self.outcome = "UPDATE_COMPLETE"

    @property
    def stack(self) -> Any:
        return cloudformation_backends[ACCOUNT][REGION].stacks[self.stack_id]

    @property
    def served(self) -> str:
        return str(self.stack.parameters["ModelPackageArn"])

    @property
    def approved(self) -> datetime:
        return datetime.fromisoformat(self.stack.parameters["ModelApprovedAt"])

    def register(self) -> str:
        """Register a model with pending approval and return its ARN."""
        return self.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP, ModelApprovalStatus="PendingManualApproval"
        )["ModelPackageArn"]

    def decide(self, package: str, status: str = "Approved", *, at: float = 0) -> dict[str, Any]:
        """Approve or reject a model ``at`` seconds after noon and return the event."""
        self.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus=status)
        self.changed(package, at=at)
        return event(package, status, at=at)

    def changed(self, package: str, *, at: float) -> None:
        """Set the time of a model's last change."""
        model_package = sagemaker_backends[ACCOUNT][REGION].model_packages[package]
        model_package.last_modified_time = NOON + timedelta(seconds=at)

    def delete(self, package: str) -> None:
        """Delete a model; moto's API has no operation for it."""
        del sagemaker_backends[ACCOUNT][REGION].model_packages[package]

    def deliver(self, event: dict[str, Any], received: int = 1) -> Answer:
        """Invoke the function with a message of the queue."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(event))
        (message,) = self.sqs.receive_message(QueueUrl=self.queue_url)["Messages"]
        answer = handler(
            {
                "Records": [
                    {
                        "messageId": message["MessageId"],
                        "receiptHandle": message["ReceiptHandle"],
                        "body": message["Body"],
                        "attributes": {"ApproximateReceiveCount": str(received)},
                    }
                ]
            },
            None,
        )
        if not answer["batchItemFailures"]:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return answer

    def make_endpoint(self, status: str) -> None:
        """Create the endpoint in a status."""
        role = f"arn:aws:iam::{ACCOUNT}:role/models"
        variant: Any = {"VariantName": "AllTraffic", "ModelName": GROUP}
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_model(ModelName=GROUP, ExecutionRoleArn=role, PrimaryContainer={"Image": "image"})
        self.sagemaker.create_endpoint_config(EndpointConfigName=GROUP, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=GROUP, EndpointConfigName=GROUP)
        self.endpoint_is(status)

    def endpoint_is(self, status: str) -> None:
        """Set the endpoint's status."""
        sagemaker_backends[ACCOUNT][REGION].endpoints[GROUP].endpoint_status = status

    def invisible_messages(self) -> int:
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def end_update(self, params: dict[str, Any], before: int, previous: dict[str, str]) -> None:
        """Record an update, add the request token that moto omits to its events, and set the outcome."""
        self.requests.append(params)
        for one in self.stack.events[before:]:
            one.client_request_token = params["ClientRequestToken"]
        if self.outcome != "UPDATE_COMPLETE":
            self.stack.events[-1].resource_status = self.stack.status = self.outcome
            self.stack.parameters = previous
            self.stack.resource_map.resolved_parameters.update(
                {key: previous[key] for key in ("ModelPackageArn", "ModelApprovedAt")}
            )


def event(package: str, status: str = "Approved", *, at: float = 0, fields: list[str] | None = None) -> dict[str, Any]:
    """Return EventBridge's event of a decision, whose time has whole seconds."""
    detail = {"ModelPackageArn": package, "ModelApprovalStatus": status, "ModelPackageGroupName": GROUP}
    version = package.rpartition("/")[2]
    return {
        "id": f"{status}-{version}-at-{at}".replace(".", "-"),
        "time": f"{NOON + timedelta(seconds=int(at)):%Y-%m-%dT%H:%M:%SZ}",
        "detail": {**detail, "UpdatedModelPackageFields": fields} if fields else detail,
    }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
        "MODEL_PARAMETER": "ModelPackageArn",
        "TIME_PARAMETER": "ModelApprovedAt",
        "ENDPOINT_NAME": GROUP,
        "STACK_ROLE_ARN": STACK_ROLE,
        "FIRST_RETRY_SECONDS": "30",
        "LONGEST_PAUSE_SECONDS": "900",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Loading API descriptions dominates the run time; a shared session loads them once.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        cloud = Cloud()
        monkeypatch.setenv("STACK_ID", cloud.stack_id)
        monkeypatch.setenv("QUEUE_URL", cloud.queue_url)
        client = boto3.client

        def watched(service: str) -> Any:
            made: Any = client(service)  # type: ignore[call-overload]
            if service == "cloudformation":
                update = made.update_stack

                def update_stack(**params: Any) -> Any:
                    before, previous = len(cloud.stack.events), dict(cloud.stack.parameters)
                    answer = update(**params)
                    cloud.end_update(params, before, previous)
                    return answer

                made.update_stack = update_stack
            return made

        monkeypatch.setattr(boto3, "client", watched)
        yield cloud
