"""The ``promote`` command to an environment whose registry gets a copy of the model."""

import base64
import hashlib
import json
import re
from pathlib import Path

import boto3
import pytest

from tests.topicsmith.account import ACCOUNT, Account, Invoke, backend
from tests.topicsmith.promotion.support import PASSED, Promotions
from topicsmith.promotion import artifacts


@pytest.fixture
def promotions(account: Account, no_waiting: None, tmp_path: Path) -> Promotions:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev", "prod")
    return promotions


def test_a_model_is_copied_registered_recorded_approved_and_served(promotions: Promotions, invoke: Invoke) -> None:
    origin = promotions.train()
    result = invoke(*promotions.arguments(1, "--yes", "--wait", "--json"))
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["changed"]
    assert (answer["endpoint"]["status"], answer["endpoint"]["model_version"]) == ("InService", 1)

    (package,) = promotions.registered()
    assert package["ModelApprovalStatus"] == "Approved"
    properties = package["CustomerMetadataProperties"]
    assert properties["PromotedFrom"] == origin
    assert properties["PromotedBy"].startswith("arn:aws:sts::")
    assert properties["CorpusUri"] == "s3://topicsmith-dev-data/raw/reviews.csv"
    assert properties["PipelineExecutionArn"].endswith("/run1")
    specification = package["InferenceSpecification"]
    model, place = "models/promoted-dev-1-run1/model.tar.gz", "evaluation/promoted-dev-1-run1"
    assert specification["Containers"] == [
        {"Image": "image:1", "ModelDataUrl": f"s3://topicsmith-prod-data/{model}"},
    ]
    assert specification["SupportedContentTypes"] == ["text/csv"]
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] == f"s3://topicsmith-prod-data/{place}/evaluation.json"

    made = promotions.objects("prod")
    assert made[model] == promotions.objects("dev")["models/run1/job/output/model.tar.gz"]
    assert json.loads(made[f"{place}/evaluation.json"]) == PASSED
    assert f"{place}/report.html" in made


def test_the_record_has_operator_model_and_previously_served_model(promotions: Promotions, invoke: Invoke) -> None:
    first, second = promotions.train("run1"), promotions.train("run2")
    invoke(*promotions.arguments(1, "--yes"))
    result = invoke(*promotions.arguments(2, "--yes", "--json"))
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)["promotion"]
    assert record in promotions.records()
    packages = promotions.registered()
    assert record["by"] == packages[1]["CustomerMetadataProperties"]["PromotedBy"]
    assert record["method"] == "register"
    assert record["from"] == {"environment": "dev", "account": ACCOUNT, "version": 2, "arn": second}
    assert record["to"] == {
        "environment": "prod",
        "account": ACCOUNT,
        "version": 2,
        "arn": packages[1]["ModelPackageArn"],
    }
    assert record["before"] == {"arn": packages[0]["ModelPackageArn"], "version": 1}
    assert (record["run"], record["corpus"], record["code_version"]) == (
        "run2",
        "s3://topicsmith-dev-data/raw/reviews.csv",
        "abc",
    )
    assert (record["metrics"], record["baseline"]) == (PASSED["metrics"], PASSED["baseline"])
    assert record["gate"] == PASSED["gate"]
    digest = hashlib.sha256(promotions.objects("dev")["models/run2/job/output/model.tar.gz"]).hexdigest()
    assert record["artifacts"]["s3://topicsmith-prod-data/models/promoted-dev-2-run2/model.tar.gz"] == digest
    assert first != second


def test_metrics_are_shown_with_those_of_the_served_model_and_the_gate(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train("run1", evaluation={**PASSED, "metrics": {**PASSED["metrics"], "npmi": 0.222}})
    promotions.train("run2")
    invoke(*promotions.arguments(1, "--yes"))
    shown = invoke(*promotions.arguments(2, "--dry-run")).stderr
    rows = {line[:20].strip(): line for line in shown.splitlines()}
    assert re.search(r"dev 2 +prod serves 1 +gate of prod", shown)
    assert "0.310  " in rows["NPMI"]
    assert "0.222  ✓ at least 0.1" in rows["NPMI"]
    assert "✓ at least 0" in rows["NPMI minus LDA's"]
    assert rows["Run"].split()[1:] == ["run2", "run1"]


def test_repeating_a_promotion_does_nothing(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    invoke(*promotions.arguments(1, "--yes"))
    promotions.requests.clear()
    before = promotions.objects("prod")
    result = invoke(*promotions.arguments(1, "--wait"))
    assert result.exit_code == 0, result.output
    assert "Nothing to do: Version 1 of dev is already registered and approved in prod as version 1." in result.stdout
    assert "Endpoint topicsmith-prod serves it." in result.stdout
    assert promotions.requests == []
    assert promotions.objects("prod") == before


def test_an_earlier_version_is_restored_without_registering_it_again(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train("run1")
    promotions.train("run2")
    for version in (1, 2, 1):
        result = invoke(*promotions.arguments(version, "--yes", "--wait"))
        assert result.exit_code == 0, result.output
    assert [package["ModelPackageVersion"] for package in promotions.registered()] == [1, 2]
    assert promotions.requests[-2:] == [
        ("topicsmith-prod/1", "PendingManualApproval"),
        ("topicsmith-prod/1", "Approved"),
    ]
    history = json.loads(invoke("history", "--env", "prod", "--json").stdout)
    assert history[0]["to"]["version"] == 1


def test_a_dry_run_and_a_declined_prompt_change_nothing(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    before = promotions.objects("prod")
    dry = invoke(*promotions.arguments(1, "--dry-run"))
    assert dry.exit_code == 0
    assert "Dry run: nothing was changed." in dry.stdout
    assert "To do: copy its artifacts to s3://topicsmith-prod-data/models/promoted-dev-1-run1/" in dry.stderr
    refused = invoke(*promotions.arguments(), stdin="n\n")
    assert refused.exit_code == 1
    assert "Promote version 1 of dev to prod?" in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert "Skip the confirmation with --yes." in invoke(*promotions.arguments(), stdin="").stderr
    assert (promotions.objects("prod"), promotions.registered(), promotions.requests) == (before, [], [])
    assert invoke(*promotions.arguments(), stdin="y\n").exit_code == 0
    assert len(promotions.registered()) == 1


@pytest.mark.parametrize(
    "place",
    [
        "topicsmith.promotion.artifacts.copy",
        "topicsmith.promotion.registering.Registering._register",
        "topicsmith.promotion.records.write",
        "topicsmith.models.models.approve",
    ],
)
def test_an_interrupted_promotion_is_resumed(
    promotions: Promotions, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    promotions.train()

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, interrupt)
        assert invoke(*promotions.arguments(1, "--yes")).exit_code != 0
    assert [package["ModelApprovalStatus"] for package in promotions.registered()] in ([], ["PendingManualApproval"])

    result = invoke(*promotions.arguments(1, "--yes", "--wait"))
    assert result.exit_code == 0, result.output
    assert [package["ModelApprovalStatus"] for package in promotions.registered()] == ["Approved"]
    assert len(promotions.records()) == 1
    assert len(promotions.objects("prod", "models/")) == 1


def test_a_copy_rejected_in_the_target_is_not_approved_again(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    invoke(*promotions.arguments(1, "--yes"))
    (package,) = promotions.registered()
    boto3.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Rejected", ApprovalDescription="mixed up."
    )
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert "was promoted before, as version 1 of prod, and is Rejected there: mixed up." in result.stderr
    assert "approve 1 --wait --env prod" in result.stderr


def test_a_redeployed_source_has_other_models_under_the_same_versions(promotions: Promotions, invoke: Invoke) -> None:
    origin = promotions.train("run1")
    invoke(*promotions.arguments(1, "--yes"))
    moto = backend()
    del moto.model_packages[origin], moto.model_package_name_mapping[origin]
    assert promotions.train("other") == origin
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 0, result.output
    assert "models/promoted-dev-1-other/model.tar.gz" in promotions.objects("prod")
    assert len(promotions.registered()) == 2


def test_a_changed_artifact_does_not_replace_the_promoted_one(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    invoke(*promotions.arguments(1, "--yes"))
    before = promotions.objects("prod", "models/")
    boto3.client("s3").put_object(
        Bucket="topicsmith-dev-data", Key="models/run1/job/output/model.tar.gz", Body=b"other"
    )
    boto3.client("sagemaker").update_model_package(
        ModelPackageArn=promotions.registered()[0]["ModelPackageArn"], ModelApprovalStatus="PendingManualApproval"
    )
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert (
        "model.tar.gz already exists and is not a copy of the current s3://topicsmith-dev-data/models/run1"
        in result.stderr
    )
    assert promotions.objects("prod", "models/") == before


def test_a_deleted_artifact_is_an_error(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    boto3.client("s3").delete_object(Bucket="topicsmith-dev-data", Key="models/run1/job/output/model.tar.gz")
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert "models/run1/job/output/model.tar.gz no longer exists" in result.stderr
    assert promotions.registered() == []


def test_the_copy_is_stored_with_its_checksum(promotions: Promotions) -> None:
    promotions.train()
    s3 = boto3.client("s3")
    origin, copy = "topicsmith-dev-data/models/run1/job/output/model.tar.gz", "topicsmith-prod-data/models/copy"
    digest = artifacts.copy(s3, s3, f"s3://{origin}", f"s3://{copy}")
    assert digest == hashlib.sha256(promotions.objects("prod")["models/copy"]).hexdigest()
    head = s3.head_object(Bucket="topicsmith-prod-data", Key="models/copy", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == digest
    assert artifacts.sha256(s3, f"s3://{origin}") == digest


def test_registering_in_an_environment_with_a_pinned_model_is_refused(
    account: Account, invoke: Invoke, tmp_path: Path
) -> None:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev")
    promotions.deploy("prod", pinned=True)
    promotions.train()
    result = invoke(*promotions.arguments(1, "--yes"))
    assert result.exit_code == 1
    assert "promotion.method: register, but pins the model that prod serves" in result.stderr
    assert promotions.registered() == []
