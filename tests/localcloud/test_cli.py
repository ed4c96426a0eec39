"""The program ``localcloud``."""

import socket
import subprocess
from pathlib import Path

import pytest

from localcloud import cli, control
from localcloud.control import LocalCloud, LocalCloudError
from localcloud.version import __version__


@pytest.fixture
def port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        free: int = probe.getsockname()[1]
    return free


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LOCALCLOUD_STATE", "LOCALCLOUD_PORT", "LOCALCLOUD_IMAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalCloud:
    """A local cloud that appears to run."""
    cloud = LocalCloud("http://localhost:4577", 4242, tmp_path / "it's here", "key", "secret")
    monkeypatch.setattr(control, "running", lambda _=None: cloud)
    return cloud


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"localcloud {__version__}\n"


def test_without_a_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().out == (
        "The local cloud was not running.\nThe local cloud is not running. Start it: localcloud up\n"
    )


def test_evaluating_env_without_a_cloud_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env"]) == 1
    script = capsys.readouterr().out
    shell = subprocess.run(["sh", "-c", 'eval "$0"', script], capture_output=True, text=True, check=False)
    assert shell.returncode == 1
    assert shell.stderr == "The local cloud is not running. Start it: localcloud up\n"


def test_env_is_a_script_that_a_shell_can_evaluate(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env"]) == 0
    shell = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'{capsys.readouterr().out}\necho "$AWS_ENDPOINT_URL|$AWS_CONFIG_FILE|$AWS_SECRET_ACCESS_KEY"',
        ],
        env={"AWS_SECRET_ACCESS_KEY": "mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == f"http://localhost:4577|{cloud.state_dir}/aws/config|\n"


@pytest.mark.usefixtures("cloud")
def test_status_of_a_running_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    assert "The local cloud runs at http://localhost:4577 (pid 4242)." in capsys.readouterr().out


@pytest.mark.usefixtures("cloud")
def test_another_account_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--account", "111122223333"]) == 1
    assert "account 123456789012 in us-east-1 already runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image", "*/x"], "'*/x' is not of the form URI=DIRECTORY"),
        (["--image", "*/x=nowhere"], "the directory 'nowhere' does not exist"),
        (["--port", "70000"], "70000 is not a port; allowed: 1 to 65535"),
    ],
)
def test_options_are_checked(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["up", *options])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LOCALCLOUD_PORT", "http", "LOCALCLOUD_PORT is 'http'; allowed: 1 to 65535."),
        ("LOCALCLOUD_ACCOUNT", "mine", "The account is 'mine'; allowed: twelve digits."),
        ("LOCALCLOUD_MINUTE_SECONDS", "61", "LOCALCLOUD_MINUTE_SECONDS is '61'; allowed: 0.1 to 60."),
        ("LOCALCLOUD_IMAGES", "{", "LOCALCLOUD_IMAGES is '{', which is not JSON"),
        ("LOCALCLOUD_IMAGES", '{"a": 1}', "it must be a JSON object of directories by image URI"),
    ],
)
def test_variables_are_checked(
    name: str, value: str, message: str, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCALCLOUD_PORT", str(port))
    monkeypatch.setenv(name, value)
    assert cli.main(["up"]) == 1
    assert message in capsys.readouterr().err


def test_other_files_are_not_deleted(tmp_path: Path, port: int) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n")
    with pytest.raises(LocalCloudError, match="is not a state directory: it has images"):
        control.prepare(port=port, state_dir=tmp_path)
    assert (tmp_path / "images").is_dir()


def test_an_earlier_state_is_deleted(tmp_path: Path, port: int) -> None:
    state = tmp_path / "state"
    control.prepare(port=port, state_dir=state)
    assert (state / ".gitignore").read_text().endswith("\n*\n")
    (state / "images").mkdir()
    control.prepare(port=port, state_dir=state)
    assert not (state / "images").exists()


def test_settings_reach_the_server(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    (tmp_path / "image").mkdir()
    command, environ = control.prepare(
        port=port, region="eu-west-1", images={"*/x": "image"}, node_modules=Path("node_modules")
    )
    assert command[-1] == "localcloud.server"
    assert environ["LOCALCLOUD_STATE"] == str(tmp_path / ".localcloud")
    assert environ["LOCALCLOUD_PORT"] == str(port)
    assert environ["LOCALCLOUD_ACCOUNT"] == "123456789012"
    assert environ["LOCALCLOUD_REGION"] == "eu-west-1"
    assert environ["LOCALCLOUD_IMAGES"] == f'{{"*/x": "{tmp_path / "image"}"}}'
    assert environ["LOCALCLOUD_NODE_MODULES"] == str(tmp_path / "node_modules")
    assert "AWS_PROFILE" not in environ
