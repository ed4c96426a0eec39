"""Refused promotions: reason, next step, and no changes."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.topicsmith.account import REJECTION, Account, Invoke
from tests.topicsmith.promotion.support import DEV, GATE, PROD, Promotions

OTHER_ACCOUNT = "222222222222"


@pytest.fixture
def promotions(account: Account, tmp_path: Path) -> Promotions:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev", "prod")
    return promotions


def refusal(promotions: Promotions, invoke: Invoke, *options: str, version: int = 1) -> str:
    """Run ``promote``, check that it changed nothing, and return its error message."""
    before = promotions.read(), promotions.objects("dev")
    result = invoke(*promotions.arguments(version, "--yes", *options))
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert (promotions.read(), promotions.objects("dev")) == before
    assert promotions.requests == []
    return result.stderr


def test_an_unapproved_or_unevaluated_version(promotions: Promotions, invoke: Invoke) -> None:
    assert "topicsmith-dev has no models yet" in refusal(promotions, invoke)
    promotions.train("run1", approval="PendingManualApproval")
    promotions.train("run2", approval="Rejected")
    promotions.train("run3", evaluation=None)
    promotions.train("run4")
    boto3.client("s3").delete_object(Bucket="topicsmith-dev-data", Key="evaluation/run4/evaluation.json")
    said = {version: refusal(promotions, invoke, version=version) for version in (1, 2, 3, 4, 5)}
    assert "Version 1 of dev is PendingManualApproval. Only an approved version can be promoted." in said[1]
    assert "report run1 --env dev" in said[1]
    assert "approve 1 --wait --env dev" in said[1]
    assert "Version 2 of dev is Rejected: looked at it. Only an approved version can be promoted." in said[2]
    assert "Version 3 of dev has no evaluation" in said[3]
    assert "evaluation/run4/evaluation.json no longer exists" in said[4]
    assert "topicsmith-dev has no version 5. Existing versions: 1, 2, 3, 4." in said[5]


def test_a_model_that_fails_the_source_or_target_gate(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train("run1", evaluation=REJECTION)
    said = refusal(promotions, invoke)
    assert "Version 1 of dev did not pass the gate of dev: npmi 0.31 is below 0.99." in said
    assert "change it in environments/dev.yaml" in said
    promotions.train("run2")
    promotions.set_gate("prod", {**GATE, "metrics.npmi": 0.4, "metrics.perplexity": 100})
    said = refusal(promotions, invoke, version=2)
    assert "does not pass the gate of prod: npmi 0.31 is below 0.4; " in said
    assert "perplexity 812.4 is above 100." in said
    assert "change gate.npmi, gate.perplexity in environments/prod.yaml and deploy: make deploy ENV=prod" in said


def test_a_gate_on_an_unmeasured_metric_and_a_missing_gate(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    promotions.set_gate("prod", {"metrics.wetc": 0.2})
    said = refusal(promotions, invoke)
    assert "The gate of prod needs wetc, which the model's evaluation does not contain." in said
    boto3.client("sagemaker").update_pipeline(
        PipelineName="topicsmith-prod", PipelineDefinition='{"Version": "2020-12-01", "Steps": []}'
    )
    assert "has no gate" in refusal(promotions, invoke)


def test_a_file_that_does_not_match_the_promotion(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    for prod, message in (
        ("region: us-east-1\n", "environments/prod.yaml has no promotion.from"),
        (
            "region: us-east-1\npromotion: {from: staging}\n",
            "promotion.from in environments/prod.yaml is staging, not dev.",
        ),
        ("region: us-east-1\npromotion: {from: dev, method: copy}\n", "is invalid: promotion.method: "),
        ("- region\n", "is invalid: the whole file: "),
        ("region: [\n", "environments/prod.yaml cannot be read: "),
    ):
        promotions.write("prod", prod)
        assert message in refusal(promotions, invoke)


def test_a_missing_file_and_identical_environments(promotions: Promotions, invoke: Invoke) -> None:
    result = invoke("promote", "1", "--from", "dev", "--to", "dev", "--environments", str(promotions.folder))
    assert result.exit_code == 1
    assert "A model of dev cannot be promoted to dev itself." in result.stderr
    (promotions.folder / "dev.yaml").unlink()
    result = invoke(*promotions.arguments())
    assert result.exit_code == 1
    assert "Environment dev has no file" in result.stderr
    assert "There are files for: prod." in result.stderr
    assert "--environments" in result.stderr


def test_an_environment_that_is_not_deployed(account: Account, invoke: Invoke, tmp_path: Path) -> None:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev")
    promotions.train()
    said = refusal(promotions, invoke)
    assert "No environment prod in this account in us-east-1. Deployed there: dev." in said
    assert "Your credentials belong to account 123456789012." in said
    assert "--to-profile NAME" in said


def test_the_wrong_account(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    for environment, text, option in (("prod", PROD, "--to-profile"), ("dev", DEV, "--from-profile")):
        promotions.write(environment, f'{text}account: "{OTHER_ACCOUNT}"\n')
        said = refusal(promotions, invoke)
        assert (
            "Your credentials belong to account 123456789012, but "
            f'environments/{environment}.yaml says account: "{OTHER_ACCOUNT}".'
        ) in said
        assert f"Specify a profile for the account of {environment}: {option} NAME" in said


@pytest.fixture
def other_account(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The profile of another, empty account."""
    credentials: Any = boto3.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/admin", RoleSessionName="me"
    )["Credentials"]
    file = tmp_path / "credentials"
    file.write_text(
        f"[other]\naws_access_key_id={credentials['AccessKeyId']}\n"
        f"aws_secret_access_key={credentials['SecretAccessKey']}\naws_session_token={credentials['SessionToken']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return "other"


def test_a_profile_of_the_wrong_account(promotions: Promotions, invoke: Invoke, other_account: str) -> None:
    promotions.train()
    said = refusal(promotions, invoke, "--to-profile", other_account)
    assert "No environment prod in this account in us-east-1. No topicsmith environment is deployed there." in said
    assert f"The credentials of profile other belong to account {OTHER_ACCOUNT}." in said


def test_two_accounts_without_account_in_the_files(
    account: Account, invoke: Invoke, other_account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(boto3, "DEFAULT_SESSION", boto3.Session(profile_name=other_account))
        promotions.deploy("prod")
    result = invoke(*promotions.arguments(1, "--yes", "--to-profile", other_account))
    assert result.exit_code == 1
    assert f"dev is in account 123456789012 and prod in account {OTHER_ACCOUNT}, but" in result.stderr
    assert "Set `account` in both files" in result.stderr


def test_an_unknown_profile(promotions: Promotions, invoke: Invoke) -> None:
    assert "nobody" in refusal(promotions, invoke, "--from-profile", "nobody")
