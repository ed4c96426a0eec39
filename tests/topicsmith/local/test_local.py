"""The ``local`` commands up, down, status, env and demo, with a fake local cloud."""

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import control
from localcloud.control import LocalCloud
from localcloud.core import profiles
from tests.topicsmith.account import Invoke
from topicsmith.commands import demo, local
from topicsmith.core import checkout, environment_file, local_cloud
from topicsmith.local import local_accounts

CLOUD = LocalCloud("http://localhost:4577", 4242, Path("/somebody's state"), "key", "secret")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local cloud that says it runs."""
    monkeypatch.setattr(control, "running", lambda _: CLOUD)


@pytest.fixture(autouse=True)
def _restore_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ |= before


def test_down_without_a_cloud_succeeds(invoke: Invoke) -> None:
    result = invoke("local", "down", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"stopped": False}


def test_status_without_a_cloud_ends_in_1_and_says_how_to_start(invoke: Invoke) -> None:
    result = invoke("local", "status")
    assert result.exit_code == 1
    assert "local up --deploy" in result.stdout
    assert json.loads(invoke("local", "status", "--json").stdout) == {"running": False}


def test_the_cloud_is_in_the_account_and_region_of_dev(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dev.yaml").write_text('account: "111122223333"\nregion: eu-west-1\n')
    monkeypatch.setattr(environment_file, "folder", lambda: tmp_path)
    monkeypatch.setattr(local, "_is_deployed", lambda _: True)
    there = dataclasses.replace(CLOUD, account_id="111122223333", region="eu-west-1")
    monkeypatch.setattr(control, "running", lambda _: there)
    assert invoke("local", "up").exit_code == 0
    assert there.environ()["AWS_REGION"] == "eu-west-1"
    monkeypatch.setattr(control, "running", lambda _: CLOUD)
    result = invoke("local", "up")
    assert result.exit_code == 1
    assert "A local cloud with account 123456789012 in us-east-1 already runs" in result.stderr
    assert "account 111122223333 in eu-west-1 was requested" in result.stderr
    assert "local down" in result.stderr


@pytest.mark.usefixtures("account")
def test_status_shows_the_last_notifications(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = LocalCloud("http://localhost:4577", 4242, tmp_path, "key", "secret")
    monkeypatch.setattr(control, "running", lambda _: cloud)
    # The account's API is answered in this process, not where the cloud would be.
    monkeypatch.setattr(local_cloud, "use", lambda _: None)
    assert json.loads(invoke("local", "status", "--json").stdout)["notifications"] == []
    lines = [json.dumps({"time": f"2026-01-0{n}", "subject": f"run {n} failed", "message": "…"}) for n in range(1, 6)]
    cloud.messages_file.write_text("\n".join(lines) + "\n")
    shown = invoke("local", "status").stdout
    assert [line for line in shown.splitlines() if "Notification" in line] == [
        f"Notification, 2026-01-0{n}: run {n} failed" for n in (3, 4, 5)
    ]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("deployed", [False, True])
def test_up_says_how_to_deploy_if_nothing_is_deployed(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, deployed: bool
) -> None:
    monkeypatch.setattr(local, "_is_deployed", lambda _: deployed)
    result = invoke("local", "up")
    assert result.exit_code == 0
    assert ("Deploy dev to it" in result.stdout) is not deployed


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("variables", [{}, {"LOCALCLOUD_PORT": "80"}])
def test_another_port_than_that_of_the_running_cloud_is_an_error(invoke: Invoke, variables: dict[str, str]) -> None:
    result = invoke("local", "up", *([] if variables else ["--port", "80"]), env=variables)
    assert result.exit_code == 1
    assert "already running at http://localhost:4577, not on port 80." in result.stderr
    assert "topicsmith local down" in result.stderr


def test_evaluating_env_without_a_cloud_fails(invoke: Invoke) -> None:
    result = invoke("local", "env")
    assert result.exit_code == 1
    assert "The local cloud is not running." in result.stderr
    assert subprocess.run(["sh", "-c", f'eval "{result.stdout}" && echo deploy'], capture_output=True).stdout == b""
    assert invoke("local", "env", "--json").stdout == ""


@pytest.mark.usefixtures("running")
def test_env_is_a_script_that_a_shell_can_evaluate(invoke: Invoke) -> None:
    script = invoke("local", "env").stdout
    shell = subprocess.run(
        ["sh", "-c", f'{script}\necho "$AWS_ENDPOINT_URL|$AWS_CONFIG_FILE|$AWS_SECRET_ACCESS_KEY|$AWS_PROFILE"'],
        env={"AWS_PROFILE": "production", "AWS_SECRET_ACCESS_KEY": "mine", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == "http://localhost:4577|/somebody's state/aws/config||\n"
    assert json.loads(invoke("local", "env", "--json").stdout)["AWS_CONFIG_FILE"] == "/somebody's state/aws/config"


def test_with_the_local_cloud_no_aws_settings_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("NO_PROXY", "internal")
    local_cloud.use(CLOUD)
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    assert aws == {name: value for name, value in CLOUD.environ().items() if name.startswith("AWS_")}
    assert os.environ["NO_PROXY"] == "internal,localhost"


def test_a_profile_of_the_local_cloud_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud = LocalCloud("http://localhost:4577", 4242, tmp_path, "key", "secret")
    profiles.write_operator(tmp_path, "key", "secret")
    profiles.add(tmp_path, "222222222222", "arn:aws:iam::222222222222:role/Administrator")
    for name, kept in (("222222222222", True), ("123456789012", True), ("default", False), ("333333333333", False)):
        monkeypatch.setenv("AWS_PROFILE", name)
        local_cloud.use(cloud)
        assert (os.environ.get("AWS_PROFILE") == name) is kept


@pytest.mark.usefixtures("running")
def test_an_account_is_created_with_a_profile(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_accounts, "create", lambda _, account: account != "333333333333")
    shown = invoke("local", "account", "222222222222").stdout
    assert "Account 222222222222 was created. Its profile is 222222222222." in shown
    assert "cdk bootstrap aws://222222222222/us-east-1" in shown
    there = json.loads(invoke("local", "account", "333333333333", "--json").stdout)
    assert there == {"account": "333333333333", "profile": "333333333333", "created": False}


@pytest.mark.parametrize("number", ["12", "22222222222a", "2222222222222", "production", "٢٢٢٢٢٢٢٢٢٢٢٢"])
def test_an_invalid_account_number_is_refused_with_the_valid_form(invoke: Invoke, number: str) -> None:
    result = invoke("local", "account", number)
    assert result.exit_code == 2
    assert "twelve digits" in " ".join(result.stderr.split())


def test_an_account_needs_a_cloud(invoke: Invoke) -> None:
    result = invoke("local", "account", "222222222222")
    assert result.exit_code == 1
    assert "The local cloud is not running." in result.stderr


@pytest.mark.usefixtures("running")
def test_keep_does_not_start_a_second_cloud(invoke: Invoke) -> None:
    result = invoke("local", "demo", "--keep")
    assert result.exit_code == 1
    assert "already running at http://localhost:4577" in result.stderr


def test_the_demo_checks_the_file_before_it_starts_anything(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("id,body\n1,Good\n")
    result = invoke("local", "demo", "--corpus", str(tmp_path / "reviews.csv"), "--text", "title,body")
    assert result.exit_code == 1
    assert "has no column title. Its columns: id, body." in result.stderr
    assert not (tmp_path / "local-cloud").exists()


def test_a_demo_that_fails_stops_its_cloud_and_keeps_the_logs(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node_modules" / ".bin").mkdir(parents=True)
    cli = tmp_path / "node_modules" / ".bin" / "cdk"
    cli.write_text("#!/bin/sh\necho no such region\nexit 1\n")
    cli.chmod(0o755)
    monkeypatch.setattr(checkout, "project_root", lambda: tmp_path)

    result = invoke("local", "demo")

    assert result.exit_code == 1
    assert "cdk bootstrap failed" in result.stderr
    assert "no such region" in result.stderr
    (directory,) = (tmp_path / "local-cloud").iterdir()
    assert f"Logs: {directory}" in result.stderr
    assert (directory / "server.log").exists()
    assert control.running(directory) is None


def test_sigterm_cleans_up_like_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, demo._termination_unwinds():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_demo_infers_the_users_own_documents(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = ["too short", *(f"{name} {'word ' * 20}" for name in "abcd")]
    path.write_text("title,body\n" + "".join(f"Good,{row}\n" for row in rows))
    chosen = demo._Corpus.of(path, "title, body", None)
    assert [text.split()[:2] for text in chosen.sentences()] == [["Good", name] for name in "abc"]


def test_the_demo_infers_short_documents_if_there_are_no_others(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text\na\nbb\nccc\ndddd\n")
    assert demo._Corpus.of(path, "text", None).sentences() == ["dddd", "ccc", "bb"]
