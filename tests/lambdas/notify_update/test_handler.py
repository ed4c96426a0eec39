from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.notify_update.handler import StackStatusChange, handler

_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/topicsmith-dev-serving/1"
_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev"
_TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
_TOKEN = "model-4-event-of-approval"


def event(status: str = "UPDATE_ROLLBACK_COMPLETE", token: str = _TOKEN, reason: str = "") -> StackStatusChange:
    return {
        "id": "event-1",
        "detail": {
            "stack-id": _STACK,
            "status-details": {"status": status, "status-reason": reason},
            "client-request-token": token,
        },
    }


def happened(resource: str, status: str, reason: str = "", token: str = _TOKEN) -> dict[str, Any]:
    stack = resource == "topicsmith-dev-serving"
    return {
        "StackId": _STACK,
        "EventId": f"{resource}-{status}",
        "StackName": "topicsmith-dev-serving",
        "Timestamp": "2026-11-20T10:00:00Z",
        "LogicalResourceId": resource,
        "PhysicalResourceId": _STACK if stack else resource,
        "ResourceType": "AWS::CloudFormation::Stack" if stack else "AWS::SageMaker::Endpoint",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ClientRequestToken": token,
    }


# Newest first, as in CloudFormation's response.
_EVENTS = [
    happened("topicsmith-dev-serving", "UPDATE_ROLLBACK_COMPLETE"),
    happened("Config", "UPDATE_FAILED", "Resource update cancelled"),
    happened("Endpoint8024A810", "UPDATE_FAILED", "The model container did not answer a ping."),
    happened("topicsmith-dev-serving", "UPDATE_IN_PROGRESS", "User Initiated"),
    happened("Endpoint8024A810", "UPDATE_FAILED", "Long ago", token="model-3-another"),
]


class Notifier:
    """Runner of the handler with stubbed AWS responses; it records SNS messages.

    Attributes:
        served: Version in the stack's parameter after the update.
        endpoint: Status of the endpoint; None if there is no endpoint.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clients = {
            name: boto3.client(name, "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")  # type: ignore[call-overload]
            for name in ("cloudformation", "sagemaker", "sns")
        }
        self.published: dict[str, str] = {}
        self.served = "3"
        self.endpoint: str | None = "InService"
        self._clients["sns"].meta.events.register(
            "provide-client-params.sns.Publish", lambda params, **_: self.published.update(params)
        )
        monkeypatch.setattr(boto3, "client", self._clients.__getitem__)
        for name, value in {
            "TOPIC_ARN": _TOPIC,
            "MODEL_PARAMETER": "ModelPackageArn",
            "MODEL_PACKAGE_GROUP": "topicsmith-dev",
            "ENDPOINT_NAME": "topicsmith-dev",
        }.items():
            monkeypatch.setenv(name, value)

    def __call__(self, change: StackStatusChange, events: list[dict[str, Any]]) -> dict[str, str]:
        value = f"{_PACKAGE}/{self.served}" if self.served else ""
        stack = {
            "StackName": "topicsmith-dev-serving",
            "CreationTime": "2026-11-20T10:00:00Z",
            "StackStatus": "UPDATE_ROLLBACK_COMPLETE",
            "Parameters": [{"ParameterKey": "ModelPackageArn", "ParameterValue": value}],
        }
        with (
            Stubber(self._clients["cloudformation"]) as cloudformation,
            Stubber(self._clients["sagemaker"]) as sagemaker,
            Stubber(self._clients["sns"]) as sns,
        ):
            cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": _STACK})
            cloudformation.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": _STACK})
            if self.endpoint is None:
                sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
            else:
                described = {
                    "EndpointName": "topicsmith-dev",
                    "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/topicsmith-dev",
                    "EndpointStatus": self.endpoint,
                    "CreationTime": "2026-11-20T10:00:00Z",
                    "LastModifiedTime": "2026-11-20T10:00:00Z",
                }
                sagemaker.add_response("describe_endpoint", described, {"EndpointName": "topicsmith-dev"})
            sns.add_response("publish", {"MessageId": "m-1"})
            assert handler(change, None) == {"message": "m-1"}
            cloudformation.assert_no_pending_responses()
        assert self.published["TopicArn"] == _TOPIC
        return self.published


@pytest.fixture
def notify(monkeypatch: pytest.MonkeyPatch) -> Notifier:
    return Notifier(monkeypatch)


def test_a_model_that_did_not_start_is_reported_with_the_first_reason_and_the_served_model(notify: Notifier) -> None:
    message = notify(event(), _EVENTS)
    assert message["Subject"] == "topicsmith-dev: deployment of model version 4 failed"
    assert "\nEndpoint8024A810: The model container did not answer a ping.\n" in message["Message"]
    assert "cancelled" not in message["Message"]
    assert "Version 3 is still being served: endpoint topicsmith-dev is InService." in message["Message"]
    assert "Stack: topicsmith-dev-serving (UPDATE_ROLLBACK_COMPLETE)\n" in message["Message"]
    assert "topicsmith models --env dev\n" in message["Message"]
    assert "Event ID: event-1\n" in message["Message"]


def test_failures_of_earlier_updates_are_not_reported_again(notify: Notifier) -> None:
    message = notify(event(reason="The alarm went off"), [_EVENTS[0], *_EVENTS[3:]])
    assert "\nThe alarm went off\n" in message["Message"]
    assert "Long ago" not in message["Message"]


def test_a_failed_deployment_is_reported_without_a_version(notify: Notifier) -> None:
    events = [happened("Dashboard", "UPDATE_FAILED", "no such metric", token="cdk-1")]
    message = notify(event(token="cdk-1"), events)
    assert message["Subject"] == "topicsmith-dev: deployment failed"
    assert "\nDashboard: no such metric\n" in message["Message"]


def test_an_update_without_events_is_reported(notify: Notifier) -> None:
    assert "\nCloudFormation gave no reason.\n" in notify(event(), [])["Message"]


def test_if_the_first_model_fails_no_model_is_served(notify: Notifier) -> None:
    notify.served = ""
    message = notify(event(), _EVENTS)
    assert "No model was being served, and none is being served now." in message["Message"]


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("RollingBack", "Version 3 was being served; endpoint topicsmith-dev is now RollingBack."),
        (None, "Version 3 was being served. The status of endpoint topicsmith-dev is unknown: "),
    ],
)
def test_the_status_of_the_endpoint_is_read_not_assumed(notify: Notifier, endpoint: str | None, says: str) -> None:
    notify.endpoint = endpoint
    assert says in notify(event(), _EVENTS)["Message"]


@pytest.mark.parametrize("status", ["UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stuck_stack_is_reported_with_the_manual_steps(notify: Notifier, status: str) -> None:
    message = notify(event(status), _EVENTS)
    assert f"The stack is {status}. Continue the rollback in CloudFormation" in message["Message"]
    assert "Version 3 is still being served" in message["Message"]
