"""Fixtures for a mocked account with a deployed environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from typer.testing import CliRunner, Result

from tests.topicsmith.account import REGION, Account, Invoke
from topicsmith.cli import app
from topicsmith.core.aws import Clients


@pytest.fixture
def invoke() -> Invoke:
    """Run ``python -m topicsmith`` with arguments, in this process."""

    def run(*arguments: str, stdin: str | None = None, env: dict[str, str | None] | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, env={"COLUMNS": "200", **(env or {})})

    return run


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide this machine's AWS configuration and running local clouds from the tests."""
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_CA_BUNDLE",
        "AWS_REGION",
        "LOCALCLOUD_PORT",
        "TOPICSMITH_ENV",
        "TOPICSMITH_LOCAL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LOCALCLOUD_STATE", str(tmp_path / "local-cloud"))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    # Loading API descriptions dominates the run time; a shared session loads them once.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        account = Account(monkeypatch)
        for operation, answer in (
            ("list_pipeline_execution_steps", account.answer_with_steps),
            ("list_training_jobs_for_hyper_parameter_tuning_job", account.answer_with_trials),
            ("stop_pipeline_execution", account.stop),
            ("retry_pipeline_execution", account.retry),
        ):
            monkeypatch.setattr(SageMakerResponse, operation, lambda _, answer=answer: answer(), raising=False)
        start = SageMakerModelBackend.start_pipeline_execution
        monkeypatch.setattr(
            SageMakerModelBackend,
            "start_pipeline_execution",
            lambda *arguments: account.note_as_executing(start(*arguments)),
        )
        yield account


@pytest.fixture
def deployed(account: Account) -> Account:
    """An account with the environment dev deployed."""
    account.deploy("dev")
    return account


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll without pauses."""
    monkeypatch.setattr(Clients, "poll_seconds", 0.0)
