import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from ntm.evaluation.trials import read_trials, tuning_of

_CREDENTIALS = {
    "RoleArn": "arn:aws:iam::123456789012:role/evaluation",
    "AccessKeyId": "key",
    "SecretAccessKey": "secret",
    "Token": "token",
    "Expiration": "2099-01-01T00:00:00Z",
}


class _Body:
    """Body of a response, as urllib3 returns it."""

    def __init__(self, content: object) -> None:
        self._content = json.dumps(content).encode()

    def stream(self, **_options: Any) -> list[bytes]:
        return [self._content]


def test_trials_are_read_with_what_a_processing_container_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """SageMaker sets no region and no keys: only the path of an endpoint with the role's credentials."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/abc")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.retrieve_full_uri", lambda *_, **__: _CREDENTIALS)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session())
    sent: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, _Body({"TrainingJobSummaries": []}))

    boto3.DEFAULT_SESSION.events.register("before-send.sagemaker", answer)
    assert read_trials("tune", "eu-west-1").trials == ()
    assert [request.url for request in sent] == ["https://api.sagemaker.eu-west-1.amazonaws.com/"]
    assert sent[0].headers["X-Amz-Security-Token"] in ("token", b"token")


@pytest.mark.parametrize(
    ("objective", "minimised"),
    [
        ({"MetricName": "validation:total_loss"}, True),
        ({"MetricName": "validation:npmi_tu"}, False),
        ({"MetricName": "validation:total_loss", "Type": "Maximize"}, False),
        ({"MetricName": "my:loss", "Type": "Minimize"}, True),
    ],
)
def test_the_direction_comes_from_sagemaker_or_from_the_metric(objective: dict[str, object], minimised: bool) -> None:
    summary = {
        "TrainingJobName": "a",
        "TrainingJobStatus": "Completed",
        "FinalHyperParameterTuningJobObjectiveMetric": {**objective, "Value": 1},
    }
    tuning = tuning_of("job", [summary, {"TrainingJobName": "b", "TrainingJobStatus": "InProgress"}])
    assert (tuning.metric, tuning.minimised) == (objective["MetricName"], minimised)
    assert [trial.objective for trial in tuning.trials] == [1, None]


def test_a_tuning_job_without_a_value_has_no_metric() -> None:
    assert tuning_of("job", []).metric == ""
