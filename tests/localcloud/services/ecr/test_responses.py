"""Image repositories in stacks, with their permissions to push and immutable tags."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.ecr_tokens import decode, encode
from localcloud.runtime import docker_cli
from localcloud.runtime.docker_cli import DockerError
from tests.localcloud.support import ACCOUNT, HERE, REGION, SmallCloud, wait_for

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
URI = f"{HOST}/stacked-images:1"


@pytest.fixture(autouse=True)
def _as_docker(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the docker replacement in this process at the small cloud."""
    for name in ("LOCALCLOUD_STATE", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, cloud.environ[name])


def _deploy(cloud: SmallCloud, verb: str, **properties: Any) -> None:
    client = cloud.client("cloudformation")
    resource = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "stacked-images", **properties}}
    template = {
        "Resources": {"Images": resource},
        "Outputs": {"Uri": {"Value": {"Fn::GetAtt": ["Images", "RepositoryUri"]}}},
    }
    getattr(client, f"{verb}_stack")(StackName="images", TemplateBody=json.dumps(template))
    _wait_until(cloud, f"{verb.upper()}_COMPLETE")


def _wait_until(cloud: SmallCloud, status: str) -> None:
    client = cloud.client("cloudformation")
    wait_for(lambda: client.describe_stacks(StackName="images")["Stacks"][0]["StackStatus"] == status)


def test_a_repository_is_updated_in_place_and_keeps_its_images(cloud: SmallCloud, tmp_path: Path) -> None:
    ecr, stacks = cloud.client("ecr"), cloud.client("cloudformation")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    docker_cli.build(HERE / "image", URI)
    with pytest.raises(DockerError, match="RepositoryNotFoundException"):
        docker_cli.push(URI)
    _deploy(cloud, "create", ImageTagMutability="IMMUTABLE", RepositoryPolicyText=policy)
    outputs = stacks.describe_stacks(StackName="images")["Stacks"][0]["Outputs"]
    assert outputs[0]["OutputValue"] == URI.removesuffix(":1")
    assert json.loads(ecr.get_repository_policy(repositoryName="stacked-images")["policyText"]) == policy
    # Tags are immutable: pushing the same image again succeeds; another image is refused and the first one stays.
    assert docker_cli.push(URI) == docker_cli.push(URI)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    docker_cli.build(tmp_path, URI)
    with pytest.raises(DockerError, match="tag invalid"):
        docker_cli.push(URI)
    pushed = cloud.state / "images" / ACCOUNT / REGION / "stacked-images" / "1"
    assert (pushed / "Dockerfile").read_text() == (HERE / "image" / "Dockerfile").read_text()
    _deploy(cloud, "update", ImageScanningConfiguration={"ScanOnPush": True})
    (repository,) = ecr.describe_repositories(repositoryNames=["stacked-images"])["repositories"]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    with pytest.raises(ecr.exceptions.RepositoryPolicyNotFoundException):
        ecr.get_repository_policy(repositoryName="stacked-images")
    docker_cli.push(URI)
    assert (pushed / "Dockerfile").read_text() == "FROM scratch\n"
    stacks.delete_stack(StackName="images")
    _wait_until(cloud, "DELETE_FAILED")
    with pytest.raises(stacks.exceptions.ClientError, match="is in DELETE_FAILED state and can not be updated"):
        _deploy(cloud, "update", EmptyOnDelete=True)
    ecr.batch_delete_image(repositoryName="stacked-images", imageIds=[{"imageTag": "1"}])
    stacks.delete_stack(StackName="images")
    wait_for(lambda: not [stack for stack in stacks.describe_stacks()["Stacks"] if stack["StackName"] == "images"])
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_repositories(repositoryNames=["stacked-images"])


def test_a_repository_is_deleted_with_its_images_if_requested(cloud: SmallCloud) -> None:
    stacks = cloud.client("cloudformation")
    docker_cli.build(HERE / "image", URI)
    _deploy(cloud, "create", EmptyOnDelete=True)
    docker_cli.push(URI)
    stacks.delete_stack(StackName="images")
    wait_for(lambda: not [stack for stack in stacks.describe_stacks()["Stacks"] if stack["StackName"] == "images"])


def test_pushing_needs_a_password_from_ecr() -> None:
    elsewhere = HOST.replace(ACCOUNT, "999999999999")
    docker_cli.build(HERE / "image", f"{elsewhere}/images:1")
    with pytest.raises(DockerError, match="no basic auth credentials"):
        docker_cli.push(f"{elsewhere}/images:1")
    for password in ("", "token", "MTIz"):
        with pytest.raises(DockerError, match="400 Bad Request"):
            docker_cli.login(elsewhere, password)


@given(st.text(), st.text(), st.none() | st.text())
def test_a_password_contains_its_credentials(key: str, secret: str, token: str | None) -> None:
    password = encode(Credentials(key, secret, token))
    assert password.isascii()
    assert password.split() == [password]
    found = decode(password)
    assert (found.access_key, found.secret_key, found.token) == (key, secret, token)
