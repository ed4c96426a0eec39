import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.notify_failure.handler import ExecutionStatusChange, handler

_RUN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/topicsmith-dev/execution/7qk2v0xw9h3d"
_TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
_EVENT: ExecutionStatusChange = {"id": "event-1", "detail": {"pipelineExecutionArn": _RUN}}
_LAMBDA_ERROR = (
    'ClientError: Lambda function arn:x failed: {"errorMessage": "there is no \\"text\\".", '
    '"errorType": "CorpusError", "stackTrace": ["  File \\"handler.py'
)
_ARN = "arn:aws:sagemaker:us-east-1:123456789012"


class Notifier:
    """Runner of the handler with stubbed SageMaker responses; it records SNS messages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clients = {
            name: boto3.client(name, "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")  # type: ignore[call-overload]
            for name in ("sagemaker", "sns")
        }
        self.published: dict[str, str] = {}
        self._clients["sns"].meta.events.register(
            "provide-client-params.sns.Publish", lambda params, **_: self.published.update(params)
        )
        monkeypatch.setattr(boto3, "client", self._clients.__getitem__)
        monkeypatch.setenv("TOPIC_ARN", _TOPIC)

    def __call__(self, *steps: dict[str, Any], failure: str | None = None) -> dict[str, str]:
        with Stubber(self._clients["sagemaker"]) as sagemaker, Stubber(self._clients["sns"]) as sns:
            sagemaker.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": list(steps)})
            if not any(step["StepStatus"] == "Failed" for step in steps):
                sagemaker.add_response("describe_pipeline_execution", {"FailureReason": failure} if failure else {})
            sns.add_response("publish", {"MessageId": "m-1"})
            assert handler(_EVENT, None) == {"message": "m-1"}
            sagemaker.assert_no_pending_responses()
        assert self.published["TopicArn"] == _TOPIC
        return self.published


@pytest.fixture
def notify(monkeypatch: pytest.MonkeyPatch) -> Notifier:
    return Notifier(monkeypatch)


def failed(name: str, reason: str | None, **metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "StepName": name,
        "StepStatus": "Failed",
        "Metadata": metadata,
        **({"FailureReason": reason} if reason else {}),
    }


def test_a_failed_gate_is_reported_with_metric_value_and_threshold(notify: Notifier) -> None:
    message = notify(
        {"StepName": "Evaluate", "StepStatus": "Succeeded"},
        {"StepName": "Gate", "StepStatus": "Succeeded", "Metadata": {"Condition": {"Outcome": "False"}}},
        failed("Rejected", "npmi 0.031 is below 0.05", Fail={"ErrorMessage": "npmi 0.031 is below 0.05"}),
    )
    assert message["Subject"] == "topicsmith-dev: run 7qk2v0xw9h3d failed: the quality gate rejected the model"
    assert "The quality gate rejected the model: npmi 0.031 is below 0.05\n" in message["Message"]
    assert f"Execution ARN: {_RUN}\n" in message["Message"]
    assert "topicsmith runs 7qk2v0xw9h3d --env dev\n" in message["Message"]
    assert "Event ID: event-1\n" in message["Message"]


@pytest.mark.parametrize(
    ("metadata", "log"),
    [
        ({"TuningJob": {"Arn": f"{_ARN}:hyper-parameter-tuning-job/x-tune"}}, "/TrainingJobs, streams x-tune-*"),
        ({"TrainingJob": {"Arn": f"{_ARN}:training-job/x-train"}}, "/aws/sagemaker/TrainingJobs, streams x-train/*"),
        ({"ProcessingJob": {"Arn": f"{_ARN}:processing-job/x"}}, "/aws/sagemaker/ProcessingJobs, streams x/*"),
        ({"TransformJob": {"Arn": f"{_ARN}:transform-job/x"}}, "/aws/sagemaker/TransformJobs, streams x/*"),
        ({"Lambda": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:pre"}}, "log group of function pre"),
    ],
)
def test_each_kind_of_step_is_reported_with_its_log_group(notify: Notifier, metadata: dict[str, Any], log: str) -> None:
    message = notify(failed("Step", "AlgorithmError: , exit code: 1", **metadata))
    assert "Step failed: AlgorithmError: , exit code: 1\nLog: " in message["Message"]
    assert f"{log}\n" in message["Message"]


def test_a_functions_error_is_reported_without_its_traceback(notify: Notifier) -> None:
    message = notify(failed("Preprocess", _LAMBDA_ERROR))
    assert 'Preprocess failed: CorpusError: there is no "text".\n' in message["Message"]
    assert "stackTrace" not in message["Message"]


def test_every_failed_step_is_reported_and_the_first_is_the_subject(notify: Notifier) -> None:
    message = notify(failed("Register", "first"), failed("Vectorize", None))
    assert message["Subject"].endswith("failed at step Register")
    assert "Register failed: first\n\nVectorize failed: SageMaker gave no reason.\n" in message["Message"]


def test_a_run_that_failed_outside_steps_is_reported_with_its_own_reason(notify: Notifier) -> None:
    message = notify({"StepName": "Preprocess", "StepStatus": "Succeeded"}, failure="The role cannot be assumed.")
    assert message["Subject"] == "topicsmith-dev: run 7qk2v0xw9h3d failed"
    assert "\nThe role cannot be assumed.\n" in message["Message"]


def test_a_subject_is_not_longer_than_sns_takes(notify: Notifier, monkeypatch: pytest.MonkeyPatch) -> None:
    message = notify(failed("S" * 200, json.dumps({"no": "error"})))
    assert len(message["Subject"]) == 100
    assert "S" * 200 in message["Message"]
