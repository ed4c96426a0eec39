"""CDK commands as child processes: waiting, errors and termination."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.control import LocalCloud
from topicsmith.core import checkout
from topicsmith.core.errors import OperatorError
from topicsmith.local import cdk


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a fake CDK CLI written by the test."""
    (tmp_path / "node_modules" / ".bin").mkdir(parents=True)
    monkeypatch.setattr(checkout, "project_root", lambda: tmp_path)
    return tmp_path


def write_cli(project: Path, script: str) -> None:
    path = project / "node_modules" / ".bin" / "cdk"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def cloud(tmp_path: Path) -> LocalCloud:
    return LocalCloud("http://localhost:1", os.getpid(), tmp_path, "key", "secret")


def test_commands_are_clients_of_the_local_cloud_only(
    project: Path, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    write_cli(project, 'echo "$@"; env')
    with cdk.commands("dev", project / "out") as cli:
        cli.synth().finish()
        cli.bootstrap(cloud).finish()
        cli.deploy(cloud).finish()
    synth = (project / "out" / "cdk-synth.log").read_text()
    assert synth.startswith("synth dev/* --quiet --output ")
    assert "AWS_ENDPOINT_URL" not in synth
    assert (project / "out" / "cdk-bootstrap.log").read_text().startswith("bootstrap aws://123456789012/us-east-1\n")
    deploy = (project / "out" / "cdk-deploy.log").read_text()
    assert deploy.startswith("deploy dev/* --app ")
    assert "--method=direct --require-approval=never --progress=events" in deploy
    # The image's repository does not exist before the data stack is deployed.
    assert "--asset-prebuild=false" in deploy
    assert "AWS_ENDPOINT_URL=http://localhost:1\n" in deploy
    assert f"AWS_SHARED_CREDENTIALS_FILE={project}/aws/credentials\n" in deploy
    assert "localhost" in deploy.partition("NO_PROXY=")[2].splitlines()[0]
    assert "AWS_PROFILE" not in deploy
    assert "AWS_SESSION_TOKEN" not in deploy


def test_another_account_is_used_through_its_profile(project: Path, cloud: LocalCloud) -> None:
    write_cli(project, 'echo "$@"; env')
    with cdk.commands("prod", project / "out", "222222222222") as cli:
        cli.bootstrap(cloud).finish()
        cli.deploy(cloud).finish()
    bootstrap = (project / "out" / "cdk-bootstrap.log").read_text()
    assert bootstrap.startswith("bootstrap aws://222222222222/us-east-1\n")
    assert "AWS_PROFILE=222222222222\n" in bootstrap
    assert "AWS_PROFILE=222222222222\n" in (project / "out" / "cdk-deploy.log").read_text()


def test_a_failure_shows_the_end_of_the_output(project: Path) -> None:
    write_cli(project, "seq 1 100; echo it is broken >&2; exit 3")
    with cdk.commands("dev", project / "out") as cli, pytest.raises(OperatorError) as caught:
        cli.synth().finish()
    assert caught.value.message.startswith("cdk synth failed with exit code 3. Full output: ")
    assert caught.value.next_step is not None
    assert caught.value.next_step.splitlines()[0] == "82"
    assert caught.value.next_step.splitlines()[-1] == "it is broken"


def test_a_running_command_is_stopped_with_its_children(project: Path) -> None:
    write_cli(project, f"sleep 60 & echo $! > {project}/child; wait")
    with cdk.commands("dev", project / "out") as cli:
        command = cli.synth()
        _wait_for(lambda: (project / "child").exists() and (project / "child").read_text().endswith("\n"))
    assert command.process.returncode is not None
    child = int((project / "child").read_text())
    _wait_for(lambda: _is_gone(child))


def test_without_the_cdk_cli_the_error_says_how_to_install_it(project: Path) -> None:
    with cdk.commands("dev", project / "out") as cli, pytest.raises(OperatorError, match="not installed"):
        cli.synth()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_gone(pid: int) -> bool:
    """Return whether a process has ended; a zombie counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
