"""Promotion between accounts: a model trained in small is copied to live and pinned by reference in pinned."""

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from localcloud.control import LocalCloud
from tests.end_to_end import environments
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, outputs_of

TEXT = "the harbour and the vessel"


class Promoter(Operator):
    """Operator of small's account, with a profile for the other account."""

    def __init__(self, environ: dict[str, str], folder: Path, profile: str) -> None:
        super().__init__(environ, "small")
        self.folder = folder
        self._options = ["--from", "small", "--to-profile", profile, "--environments", folder, "--yes", "--wait"]

    def promote(self, version: int, environment: str) -> Any:
        return self("promote", str(version), "--to", environment, *self._options)


@pytest.fixture(scope="module")
def versions(small: Operator, small_run: Any, second_run: Any) -> dict[int, int]:
    """Approved versions of small's models, by number of topics."""
    found = {4: small_run["model_version"], 3: second_run["model_version"]}
    for version in found.values():
        small("approve", str(version), "--wait")
    return found


@pytest.fixture(scope="module")
def promoter(environ: dict[str, str], promotion_folder: Path, other_account: str) -> Promoter:
    return Promoter(environ, promotion_folder, other_account)


@pytest.fixture(scope="module")
def administrator(clients: Clients, other_account: str) -> Clients:
    """Administrator of the other account."""
    return clients.as_role(f"arn:aws:iam::{other_account}:role/OrganizationAccountAccessRole")


def operator(promoter: Promoter, environment: str) -> Operator:
    """Return the operator of an environment in the other account, without access to small's account."""
    return Operator({**promoter.environ, "AWS_PROFILE": environments.OTHER_ACCOUNT}, environment)


def topics(answering: Operator) -> int:
    """Return the number of topics of the served model."""
    return len(answering("infer", TEXT)["predictions"][0]["topic_weights"])


@pytest.fixture(scope="module")
def live(promoter: Promoter, versions: dict[int, int]) -> Operator:
    """Operator of live, after promoting both versions and then the first again."""
    answering = operator(promoter, "live")
    for number in (4, 3, 4):
        answer = promoter.promote(versions[number], "live")
        assert answer["changed"]
        assert answer["endpoint"]["status"] == "InService"
        assert topics(answering) == number
    return answering


def test_promoting_the_served_version_again_changes_nothing(
    live: Operator, promoter: Promoter, versions: dict[int, int]
) -> None:
    assert [model["version"] for model in live("models")] == [2, 1]
    again = promoter.promote(versions[4], "live")
    assert not again["changed"]
    assert again["endpoint"]["model_version"] == 1


def test_the_history_needs_only_the_target_accounts_credentials(
    live: Operator, versions: dict[int, int], small_run: Any
) -> None:
    history = live("history")
    assert [(one["from"]["version"], one["to"]["version"], one["served"]) for one in history] == [
        (versions[4], 1, True),
        (versions[3], 2, False),
        (versions[4], 1, False),
    ]
    latest = history[0]
    assert (latest["run"], latest["corpus"]) == (small_run["id"], small_run["parameters"]["CorpusUri"])
    assert latest["before"]["version"] == 2
    assert f"::{environments.OTHER_ACCOUNT}:assumed-role/" in latest["by"]


@pytest.fixture(scope="module")
def pinned(
    promoter: Promoter, versions: dict[int, int], cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Operator:
    """Operator of pinned, after a promotion wrote the first version to its file and the file was deployed."""
    file = promoter.folder / "pinned.yaml"
    before = file.read_text().splitlines()
    record = promoter.promote(versions[4], "pinned")["promotion"]
    added = [line for line in difflib.ndiff(before, file.read_text().splitlines()) if line[0] in "+-"]
    assert added == ["+ serving:", f"+   model_package: {record['to']['arn']}"]
    environments.deploy(
        cloud,
        tmp_path_factory.mktemp("pinned"),
        {"pinned": yaml.safe_load(file.read_text())},
        neighbours={"small": environments.SMALL, "live": environments.LIVE},
        account=environments.OTHER_ACCOUNT,
    )
    return operator(promoter, "pinned")


def test_a_pinned_version_is_served_after_deployment(
    pinned: Operator, promoter: Promoter, versions: dict[int, int]
) -> None:
    assert topics(pinned) == 4
    assert [one["served"] for one in pinned("history")] == [True]
    assert not promoter.promote(versions[4], "pinned")["changed"]


@pytest.fixture(scope="module")
def roles(live: Operator, pinned: Operator, administrator: Clients) -> dict[str, Clients]:
    """Clients that act as the roles of live and pinned, by role name."""
    iam = administrator("iam")
    found = {}
    for role in iam.list_roles(MaxItems=1000)["Roles"]:
        if role["RoleName"].startswith(("topicsmith-live-", "topicsmith-pinned-")):
            with trusting(administrator, role):
                found[role["RoleName"]] = administrator.as_role(role["Arn"])
    return found


@contextmanager
def trusting(administrator: Clients, role: Any) -> Iterator[None]:
    """Let the account's administrator assume a service role for the duration of the block."""
    iam, document = administrator("iam"), role["AssumeRolePolicyDocument"]
    ours = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": environments.OTHER_ACCOUNT}}
    changed = {**document, "Statement": [*document["Statement"], ours]}
    iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(changed))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(document))


def may_read(who: Clients, bucket: str, key: str) -> bool:
    try:
        who("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def test_the_target_can_read_only_the_pinned_model_and_only_as_its_endpoint_role(
    roles: dict[str, Clients], administrator: Clients, clients: Clients, versions: dict[int, int]
) -> None:
    bucket, sagemaker = outputs_of(clients, "small")["DataBucketName"], clients("sagemaker")
    models = {}
    for number, version in versions.items():
        arn = f"arn:aws:sagemaker:us-east-1:{environments.ACCOUNT_ID}:model-package/topicsmith-small/{version}"
        (container,) = sagemaker.describe_model_package(ModelPackageName=arn)["InferenceSpecification"]["Containers"]
        models[number] = container["ModelDataUrl"].removeprefix(f"s3://{bucket}/")
    keys = [item["Key"] for item in clients("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    others = {
        prefix: next(key for key in keys if key.startswith(prefix) and key != models[4])
        for prefix in ("raw/", "bow/", "models/", "evaluation/")
    }
    assert len(roles) > 10
    readers = {
        name for name, role in roles.items() for key in (models[4], models[3], *others.values())
        if may_read(role, bucket, key) and (name, key) != ("topicsmith-pinned-endpoint", models[4])
    }  # fmt: skip
    assert readers == set()
    assert may_read(roles["topicsmith-pinned-endpoint"], bucket, models[4])
    # The other account's administrator cannot read them either.
    assert not any(may_read(administrator, bucket, key) for key in (models[4], models[3], *others.values()))


def test_the_other_account_cannot_change_the_registry(
    roles: dict[str, Clients], administrator: Clients, clients: Clients, versions: dict[int, int]
) -> None:
    arn = f"arn:aws:sagemaker:us-east-1:{environments.ACCOUNT_ID}:model-package/topicsmith-small/{versions[4]}"
    before = clients("sagemaker").describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"]
    for who in (administrator, roles["topicsmith-pinned-endpoint"]):
        with pytest.raises(ClientError, match="AccessDenied"):
            who("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert clients("sagemaker").describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == before
