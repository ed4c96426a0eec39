"""The command line without the local cloud, without the CDK, and outside a checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tests.topicsmith.account import Account, Invoke
from topicsmith.cli import app
from topicsmith.core import checkout
from topicsmith.core.errors import OperatorError

ROOT = Path(__file__).parents[3]
_HELP = """
import sys
for name in ("localcloud", "aws_cdk", "moto", "stacks", "constructs"):
    sys.modules[name] = None
from topicsmith.cli import app
for command in sys.argv[1:]:
    try:
        app([*command.split(), "--help"], prog_name="topicsmith")
    except SystemExit as end:
        assert end.code == 0, command
"""


def _commands() -> list[str]:
    group = get_command(app)
    names = [name for name in group.commands if name != "local"]  # type: ignore[attr-defined]
    return names + [f"local {name}" for name in group.commands["local"].commands]  # type: ignore[attr-defined]


@pytest.fixture
def no_local_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Block the package from import."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "localcloud"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "localcloud", None)


def test_help_needs_neither_the_local_cloud_nor_the_cdk_nor_a_checkout(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HELP, "", *_commands()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("no_local_cloud")
def test_commands_on_aws_do_not_import_the_local_cloud(deployed: Account, invoke: Invoke) -> None:
    deployed.register()
    for command in ("runs", "models", "topics", "check", "history"):
        assert invoke(command).exit_code == 0


@pytest.mark.usefixtures("no_local_cloud")
@pytest.mark.parametrize("arguments", [["--local", "runs"], ["local", "status"], ["local", "down"]])
def test_without_the_local_cloud_the_error_says_how_to_install_it(invoke: Invoke, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert "The local cloud is not installed" in result.stderr
    assert "make local" in result.stderr


def test_the_checkout_is_found_from_any_folder_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "app.py").touch()
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert checkout.project_root() == tmp_path


def test_outside_a_checkout_the_editable_install_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checkout.project_root() == ROOT


def test_commands_that_need_a_checkout_say_so_without_one(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "_INSTALLED_FROM", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert checkout.reports_dir() == tmp_path / "data" / "topicsmith" / "reports"
    with pytest.raises(OperatorError, match="needs a checkout"):
        checkout.project_root()
    result = invoke("promote", "1", "--from", "dev", "--to", "prod")
    assert result.exit_code == 1
    assert "needs a checkout of the project" in result.stderr
    assert invoke("diff").exit_code == 3


def test_default_outputs_are_ignored_by_git() -> None:
    ignored = subprocess.run(["git", "check-ignore", checkout.reports_dir() / "x.html"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
