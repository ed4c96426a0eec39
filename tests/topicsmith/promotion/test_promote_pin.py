"""The ``promote`` command to an environment whose file pins the model."""

import difflib
import hashlib
import json
from pathlib import Path

import boto3
import pytest

from tests.topicsmith.account import Account, Invoke
from tests.topicsmith.promotion.support import PROD, Promotions
from topicsmith.core import environment_file

MODEL = "models/run1/job/output/model.tar.gz"


@pytest.fixture
def promotions(account: Account, no_waiting: None, tmp_path: Path) -> Promotions:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev")
    promotions.deploy("prod", pinned=True)
    promotions.write("prod", PROD.replace("register", "pin"))
    return promotions


def tags(key: str) -> dict[str, str]:
    found = boto3.client("s3").get_object_tagging(Bucket="topicsmith-dev-data", Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def changed_lines(before: str, after: str) -> list[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_one_line_of_the_file_changes_and_the_artifacts_are_tagged(promotions: Promotions, invoke: Invoke) -> None:
    arn, before = promotions.train(), promotions.read()
    boto3.client("s3").put_object_tagging(
        Bucket="topicsmith-dev-data", Key=MODEL, Tagging={"TagSet": [{"Key": "owner", "Value": "me"}]}
    )
    result = invoke(*promotions.arguments(1, "--yes", "--wait"))
    assert result.exit_code == 0, result.output
    assert changed_lines(before, promotions.read()) == [f"+  model_package: {arn}"]
    assert tags(MODEL) == {"owner": "me", "promoted-to-prod": "true"}
    assert (
        tags("evaluation/run1/evaluation.json") == tags("evaluation/run1/report.html") == {"promoted-to-prod": "true"}
    )
    assert 'git commit -m "Serve version 1 of dev in prod" -- environments/prod.yaml' in result.stdout
    assert "make deploy ENV=prod" in result.stdout
    assert promotions.registered() == []
    assert promotions.objects("prod", "models/") == {}


def test_the_record_has_the_pinned_model(promotions: Promotions, invoke: Invoke) -> None:
    first = promotions.train("run0")
    promotions.serve(first)
    arn = promotions.train("run1")
    record = json.loads(invoke(*promotions.arguments(2, "--yes", "--json")).stdout)["promotion"]
    assert promotions.records() == [record]
    assert record["method"] == "pin"
    assert record["to"] == {"environment": "prod", "account": "123456789012", "version": None, "arn": arn}
    assert record["before"] == {"arn": first, "version": 1}
    digest = hashlib.sha256(promotions.objects("dev")[MODEL]).hexdigest()
    assert record["artifacts"][f"s3://topicsmith-dev-data/{MODEL}"] == digest


def test_the_served_model_is_named_by_its_version_in_the_source(promotions: Promotions, invoke: Invoke) -> None:
    promotions.serve(promotions.train("run0"))
    promotions.train("run1")
    assert "prod serves dev 1" in invoke(*promotions.arguments(2, "--dry-run")).stderr


def test_repeating_a_promotion_does_nothing(promotions: Promotions, invoke: Invoke) -> None:
    arn = promotions.train()
    invoke(*promotions.arguments(1, "--yes"))
    before = promotions.read()
    again = invoke(*promotions.arguments(1))
    assert again.exit_code == 0
    assert "environments/prod.yaml pins version 1 of dev.\nDeploy it to serve the model" in again.stdout
    promotions.serve(arn)
    served = invoke(*promotions.arguments(1))
    assert "Nothing to do: environments/prod.yaml pins version 1 of dev, and prod serves it." in served.stdout
    assert promotions.read() == before
    assert len(promotions.records()) == 1


def test_an_earlier_version_is_restored_by_the_same_line(promotions: Promotions, invoke: Invoke) -> None:
    first, second = promotions.train("run1"), promotions.train("run2")
    for version in (1, 2):
        invoke(*promotions.arguments(version, "--yes"))
    before = promotions.read()
    assert invoke(*promotions.arguments(1, "--yes")).exit_code == 0
    assert changed_lines(before, promotions.read()) == [f"-  model_package: {second}", f"+  model_package: {first}"]


@pytest.mark.parametrize(
    "place",
    [
        "topicsmith.promotion.artifacts.mark",
        "topicsmith.promotion.records.write",
        "topicsmith.core.environment_file.write",
    ],
)
def test_an_interrupted_promotion_is_resumed(
    promotions: Promotions, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    arn, before = promotions.train(), promotions.read()

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, interrupt)
        assert invoke(*promotions.arguments(1, "--yes")).exit_code != 0
    assert promotions.read() == before

    assert invoke(*promotions.arguments(1, "--yes")).exit_code == 0
    assert changed_lines(before, promotions.read()) == [f"+  model_package: {arn}"]
    assert tags(MODEL) == {"promoted-to-prod": "true"}
    assert len(promotions.records()) == 1


def test_a_file_that_changed_in_the_meantime_is_not_overwritten(
    promotions: Promotions, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotions.train()
    write = environment_file.write

    def change_before(file: environment_file.EnvironmentFile, text: str) -> None:
        promotions.write("prod", file.text + "# mine\n")
        write(file, text)

    monkeypatch.setattr("topicsmith.core.environment_file.write", change_before)
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert "environments/prod.yaml was changed in the meantime" in result.stderr
    assert promotions.read().endswith("# mine\n")
    assert list(promotions.folder.iterdir()) == [promotions.folder / name for name in ("dev.yaml", "prod.yaml")]


def test_if_the_file_cannot_be_edited_the_error_shows_the_line_to_add(promotions: Promotions, invoke: Invoke) -> None:
    arn = promotions.train()
    promotions.write("prod", "{region: us-east-1, promotion: {from: dev, method: pin}}\n")
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert f"serving:\n  model_package: {arn}" in result.stderr
    assert (tags(MODEL), promotions.records()) == ({}, [])
