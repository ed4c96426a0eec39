"""A local cloud for the tests of this folder, with its own port and state, and the environments deployed to it."""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from localcloud import control
from tests.end_to_end import command_line, environments, grants, planted
from tests.end_to_end.command_line import Operator
from topicsmith.core import local_cloud


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session", autouse=True)
def _command_line() -> Iterator[None]:
    with command_line.loaded():
        yield


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.LocalCloud]:
    state, used = tmp_path_factory.mktemp("local-cloud"), tmp_path_factory.mktemp("permissions") / "used.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALCLOUD_USED_PERMISSIONS", str(used))
        cloud = local_cloud.start(free_port(), state)
    try:
        yield cloud
        clients = Clients(cloud)
        grants.leave(clients("iam"), clients("cloudformation"), used)
    finally:
        control.down(state)


@pytest.fixture(scope="session")
def environ(cloud: control.LocalCloud) -> dict[str, str]:
    """Environment variables of a client of the local cloud, without the user's own AWS settings."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**mine, **cloud.environ()}


class Clients:
    """boto3 clients of the local cloud, with the operator's or other credentials."""

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


@pytest.fixture(scope="session")
def operators(
    cloud: control.LocalCloud, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Operator]:
    """Operators of dev and builtin; dev is first deployed by ``local up --deploy``, then both are deployed."""
    files = {"dev": environments.DEV, "builtin": environments.BUILTIN}

    def first() -> None:
        Operator(environ)("local", "up", "--deploy")

    environments.deploy(cloud, tmp_path_factory.mktemp("environments"), files, first)
    return {name: Operator(environ, name) for name in files}


@pytest.fixture(scope="session")
def operator(operators: dict[str, Operator]) -> Operator:
    """Operator of dev."""
    return operators["dev"]


@pytest.fixture(scope="session")
def builtin(operators: dict[str, Operator]) -> Operator:
    """Operator of an environment with SageMaker's built-in NTM."""
    return operators["builtin"]


@pytest.fixture(scope="session")
def more_operators(
    cloud: control.LocalCloud, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Operator]:
    """Operators of small and strict, whose tests may run against a separate cloud."""
    files = {"small": environments.SMALL, "strict": environments.STRICT}
    directory = tmp_path_factory.mktemp("more-environments")
    environments.deploy(
        cloud,
        directory,
        files,
        lambda: environments.bootstrap(cloud, directory),
        neighbours={"live": environments.LIVE, "pinned": environments.PINNED},
    )
    return {name: Operator(environ, name) for name in files}


@pytest.fixture(scope="session")
def small(more_operators: dict[str, Operator]) -> Operator:
    """Operator of an environment with little tuning that starts a run on every upload."""
    return more_operators["small"]


@pytest.fixture(scope="session")
def strict(more_operators: dict[str, Operator]) -> Operator:
    """Operator of an environment whose gate no model passes."""
    return more_operators["strict"]


@pytest.fixture(scope="session")
def other_account(cloud: control.LocalCloud, environ: dict[str, str]) -> str:
    """Number of another account, which is also its profile's name."""
    made: str = Operator(environ)("local", "account", environments.OTHER_ACCOUNT)["profile"]
    return made


@pytest.fixture(scope="session")
def promotion_folder(
    cloud: control.LocalCloud,
    more_operators: dict[str, Operator],
    other_account: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Folder with the files of small and of its promotion targets live and pinned, deployed to another account."""
    directory = tmp_path_factory.mktemp("promotion")
    targets, small = {"live": environments.LIVE, "pinned": environments.PINNED}, {"small": environments.SMALL}
    environments.deploy(
        cloud,
        directory,
        targets,
        lambda: environments.bootstrap(cloud, directory, other_account),
        neighbours=small,
        account=other_account,
    )
    folder = directory / "environments"
    folder.mkdir()
    for name, values in {**targets, **small}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV file of documents about four topics."""
    return planted.write_csv(tmp_path_factory.mktemp("corpus") / "planted.csv")


@pytest.fixture(scope="session")
def run(operator: Operator, corpus: Path) -> Any:
    """Run of dev, as printed by ``run --json``."""
    return operator("run", corpus, "--text", "title,body", "--id", "key", "--topics", "4")


@pytest.fixture(scope="session")
def small_run(small: Operator, corpus: Path) -> Any:
    """Run of small."""
    return small("run", corpus)


@pytest.fixture(scope="session")
def second_run(small: Operator, small_run: Any, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Second run of small, with three topics, on a corpus whose name the model registry does not accept."""
    named = shutil.copy(corpus, tmp_path_factory.mktemp("named") / "отзывы & co (1).csv")
    return small("run", named, "--topics", "3")


@pytest.fixture(scope="session")
def rejected(strict: Operator, corpus: Path) -> Any:
    """Run of strict, whose gate rejects the model."""
    done = strict.attempt("run", corpus)
    assert done.returncode == 1, done.stderr
    assert "rejected: npmi 0." in done.stderr
    return json.loads(done.stdout)


def outputs_of(clients: Clients, environment: str) -> dict[str, str]:
    """Return the outputs of an environment's stacks."""
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in clients("cloudformation").describe_stacks()["Stacks"]
        if stack["StackName"].startswith(f"topicsmith-{environment}-")
        for output in stack.get("Outputs", [])
    }


def versions(clients: Clients, environment: str) -> list[str]:
    """Return the ARNs of an environment's models, oldest first."""
    listed = clients("sagemaker").list_model_packages(ModelPackageGroupName=f"topicsmith-{environment}")
    return sorted(package["ModelPackageArn"] for package in listed["ModelPackageSummaryList"])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 900.0) -> Any:
    """Poll ``condition`` with growing pauses and return its first truthy result."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)
    raise AssertionError(f"{what}: not within {seconds} s")
