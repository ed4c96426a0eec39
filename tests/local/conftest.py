"""One local cloud for all tests of this folder: its own port, its own state."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from topicsmith.local import control

AWS = boto3.Session


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.LocalCloud]:
    state = tmp_path_factory.mktemp("local-cloud")
    try:
        yield control.up(port=free_port(), state_dir=state)
    finally:
        control.down(state)


@pytest.fixture(scope="session")
def environ(cloud: control.LocalCloud) -> dict[str, str]:
    """A user's environment, without their AWS settings, as a client of the local cloud."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**mine, **cloud.environ(), "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class Clients:
    """boto3 clients of the local cloud, as the operator or with other credentials."""

    def __init__(self, cloud: control.LocalCloud, credentials: dict[str, str] | None = None):
        self.cloud = cloud
        self.credentials = credentials or {
            "aws_access_key_id": cloud.access_key_id,
            "aws_secret_access_key": cloud.secret_access_key,
        }

    def __call__(self, service: str):  # type: ignore[no-untyped-def]
        return boto3.client(service, region_name="us-east-1", endpoint_url=self.cloud.endpoint_url, **self.credentials)

    def as_role(self, role_arn: str) -> "Clients":
        given = self("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        return Clients(
            self.cloud,
            {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            },
        )


@pytest.fixture(scope="session")
def clients(cloud: control.LocalCloud) -> Clients:
    return Clients(cloud)


def root() -> Path:
    return Path(__file__).parents[2]
