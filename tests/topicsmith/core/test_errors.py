"""Errors for operators: a sentence and the next step, never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core import set_initial_no_auth_action_count

from tests.topicsmith.account import Account, Invoke
from topicsmith.core import checkout
from topicsmith.core.aws import connect
from topicsmith.core.errors import OperatorError, explain


@pytest.fixture
def fresh_session() -> Iterator[None]:
    """A boto3 session without cached credentials."""
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    yield
    boto3.DEFAULT_SESSION = before


@pytest.mark.usefixtures("fresh_session")
def test_no_credentials(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    result = invoke("models")
    assert result.exit_code == 1
    assert "No AWS credentials" in result.stderr
    assert "--local" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("fresh_session")
def test_no_region(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_region(monkeypatch)
    monkeypatch.setattr(checkout, "find", lambda: None)
    result = invoke("models")
    assert result.exit_code == 1
    assert "No AWS region is set.\nSet AWS_REGION" in result.stderr


@pytest.mark.usefixtures("fresh_session")
def test_the_region_comes_from_the_variable_then_the_environments_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_region(monkeypatch)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "prod.yaml").write_text("region: eu-west-3\n")
    monkeypatch.setattr(checkout, "find", lambda: tmp_path)
    assert connect("prod").s3.meta.region_name == "eu-west-3"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert connect("prod").s3.meta.region_name == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert connect("prod").s3.meta.region_name == "eu-west-1"
    assert connect("prod", region="us-east-2").s3.meta.region_name == "us-east-2"


def _without_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("deployed")
def test_a_missing_corpus_is_reported_before_its_extension(invoke: Invoke) -> None:
    assert "There is no file reviews." in invoke("run", "reviews").stderr


@pytest.mark.usefixtures("fresh_session")
def test_an_unknown_profile(invoke: Invoke) -> None:
    result = invoke("models", env={"AWS_PROFILE": "nobody"})
    assert result.exit_code == 1
    assert "nobody" in result.stderr


@pytest.mark.usefixtures("account")
def test_verbose_shows_the_traceback(invoke: Invoke) -> None:
    assert "Traceback" in invoke("--verbose", "models").stderr
    assert "Traceback" not in invoke("models").stderr


def test_an_unknown_environment_names_the_existing_ones(account: Account, invoke: Invoke) -> None:
    account.deploy("dev")
    account.deploy("blue")
    result = invoke("models", "--env", "prod")
    assert result.exit_code == 1
    assert "No environment prod in this account in us-east-1. Deployed there: blue, dev." in result.stderr
    assert "make deploy ENV=prod" in result.stderr


@pytest.mark.usefixtures("account")
def test_nothing_deployed_at_all(invoke: Invoke) -> None:
    result = invoke("runs")
    assert result.exit_code == 1
    assert "No topicsmith environment is deployed there" in result.stderr


def test_a_deployment_that_did_not_finish(account: Account, invoke: Invoke) -> None:
    account.deploy("dev", only=("data", "training"))
    result = invoke("runs")
    assert result.exit_code == 1
    assert "Missing stacks: topicsmith-dev-serving." in result.stderr


def test_a_stack_without_the_output(account: Account, invoke: Invoke) -> None:
    account.deploy("dev")
    boto3.client("cloudformation").update_stack(
        StackName="topicsmith-dev-training",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    result = invoke("runs")
    assert result.exit_code == 1
    assert "topicsmith-dev-training (UPDATE_COMPLETE) has no output PipelineName" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_a_pipeline_that_was_deleted(invoke: Invoke) -> None:
    boto3.client("sagemaker").delete_pipeline(PipelineName="topicsmith-dev", ClientRequestToken="0" * 32)
    result = invoke("runs")
    assert result.exit_code == 1
    assert "Pipeline topicsmith-dev does not exist" in result.stderr


def test_no_model_was_trained_yet(deployed: Account, invoke: Invoke) -> None:
    deployed.refuse_invocations()
    result = invoke("infer", "a text")
    assert result.exit_code == 1
    assert "No model has been registered yet" in result.stderr
    assert "run corpus.csv --env dev" in result.stderr


def test_no_model_was_approved_yet(deployed: Account, invoke: Invoke) -> None:
    deployed.refuse_invocations()
    deployed.register()
    deployed.register()
    result = invoke("infer", "a text")
    assert result.exit_code == 1
    assert "No model is approved; the newest version, 2, is PendingManualApproval." in result.stderr
    assert "approve 2 --wait --env dev" in result.stderr


@pytest.mark.parametrize("status", ["Creating", "Failed"])
def test_an_endpoint_that_does_not_answer(deployed: Account, invoke: Invoke, status: str) -> None:
    deployed.refuse_invocations()
    deployed.serve(deployed.register(), status=status)
    result = invoke("infer", "a text")
    assert result.exit_code == 1
    assert f"does not answer: it is {status}" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_access_denied_names_the_action(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    result = set_initial_no_auth_action_count(0)(invoke)("models")
    assert result.exit_code == 1
    assert "these credentials lack cloudformation:DescribeStacks" in result.stderr


@pytest.mark.parametrize(
    ("code", "operation", "message", "expected"),
    [
        ("403", "HeadObject", "Forbidden", "lack s3:GetObject."),
        ("AccessDenied", "CreateMultipartUpload", "Access Denied", "lack s3:PutObject."),
        (
            "AccessDeniedException",
            "CreateModelPackage",
            "User: arn:aws:iam::1:user/x is not authorized to perform: sagemaker:CreateModelPackage on resource: "
            "arn:aws:sagemaker:us-east-1:1:model-package/g with an explicit deny",
            "lack sagemaker:CreateModelPackage on arn:aws:sagemaker:us-east-1:1:model-package/g.",
        ),
        ("ExpiredToken", "DescribeStacks", "The token is expired", "rejected the credentials"),
        ("ThrottlingException", "DescribeEndpoint", "Rate exceeded", "AWS rejected DescribeEndpoint (Throttling"),
    ],
)
def test_denied_requests_are_explained(code: str, operation: str, message: str, expected: str) -> None:
    meaning = explain(ClientError({"Error": {"Code": code, "Message": message}}, operation))
    assert meaning is not None
    assert expected in meaning.message


def test_an_unknown_error_keeps_its_message() -> None:
    assert explain(KeyError("bug")) is None
    error = OperatorError("known")
    assert explain(error) is error


def test_aws_cannot_be_reached() -> None:
    meaning = explain(EndpointConnectionError(endpoint_url="https://sagemaker.us-east-1.amazonaws.com"))
    assert meaning is not None
    assert "AWS cannot be reached" in meaning.message


@pytest.mark.parametrize("arguments", [["models"], ["run", "x.csv"], ["infer", "a"], ["local", "env"]])
def test_the_local_cloud_is_not_running(invoke: Invoke, arguments: list[str]) -> None:
    result = invoke("--local", *arguments)
    assert result.exit_code == 1
    assert "The local cloud is not running." in result.stderr
    assert "local up --deploy" in result.stderr


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["approve", "x"],
        ["approve", "0"],
        ["run"],
        ["run", "x.csv", "--text", "a,,b"],
        ["run", "x.csv", "--text", "a,a"],
        ["runs", "--watch"],
    ],
)
def test_usage_errors_have_exit_code_2(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2
