"""The program: help, version, shell completion, options in any place, and how it ends."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tests.topicsmith.account import Account, Invoke
from topicsmith import cli
from topicsmith.cli import app
from topicsmith.commands import run
from topicsmith.core import invocation

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "topicsmith"]


def text(output: str) -> str:
    """Return the text of an error panel on one line."""
    return " ".join(output.replace("│", " ").split())


def complete(shell: str, words: str) -> str:
    variables = {
        "_TOPICSMITH_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return CliRunner().invoke(app, [], env=variables, prog_name="topicsmith").stdout


def test_help_groups_the_commands_and_says_how_to_start(invoke: Invoke) -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    panels = re.findall(r"─ ([A-Z][A-Za-z ]+) ─", result.stdout)
    assert panels == ["Options", "Runs", "Models", "Serving", "Environments", "Local cloud"]
    assert "topicsmith local up --deploy" in result.stdout
    assert "Exit codes: 0 success" in result.stdout
    assert "evaluate " not in result.stdout
    assert invoke("-h").stdout == result.stdout


def test_every_command_shows_an_example_of_itself(invoke: Invoke) -> None:
    group = get_command(app)
    names = [name for name in group.commands if name not in ("local", "evaluate")]  # type: ignore[attr-defined]
    names += [f"local {name}" for name in group.commands["local"].commands]  # type: ignore[attr-defined]
    for name in names:
        assert f"topicsmith {name}" in invoke(*name.split(), "--help").stdout.partition("Example")[2], name


def test_the_module_shows_the_name_of_the_program() -> None:
    done = subprocess.run([*PROGRAM, "runs", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage: topicsmith runs" in done.stdout
    assert "python -m" not in done.stdout


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"topicsmith {version('topicsmith')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_environments(shell: str) -> None:
    assert "models" in complete(shell, "topicsmith mo")
    assert "--local" in complete(shell, "topicsmith runs --lo")
    assert "prod" in complete(shell, "topicsmith runs --env p")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # The shell is found from the parent process otherwise.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for option in ("--show-completion", "--install-completion"):
        result = CliRunner().invoke(app, [option, shell], prog_name="topicsmith")
        assert result.exit_code == 0, result.output
    installed = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_TOPICSMITH_COMPLETE=complete_" in script for script in installed)


@pytest.mark.parametrize("arguments", [("--local", "runs"), ("runs", "--local")])
def test_local_goes_before_or_after_the_command(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments)
    assert "The local cloud is not running." in result.stderr


def test_env_goes_before_or_after_the_command_and_comes_before_the_variable(account: Account, invoke: Invoke) -> None:
    account.deploy("dev")
    account.deploy("prod")
    account.register(environment="prod")
    for arguments in (("--env", "prod", "models"), ("models", "--env", "prod"), ("--env", "x", "models", "--env=prod")):
        found = json.loads(invoke(*arguments, "--json", env={"TOPICSMITH_ENV": "dev"}).stdout)
        assert len(found) == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("runs", "--verbose"), "--verbose belongs before the command: topicsmith --verbose runs"),
        (("--json", "runs"), "--json belongs after the command: topicsmith COMMAND --json"),
        (("status",), "Did you mean: topicsmith local status"),
        (("local", "runs"), "Did you mean: topicsmith --local runs"),
        (("modles",), "Did you mean 'models'?"),
        (("runs", "--limt", "3"), "No such option: --limt"),
        (("--env", "prod", "local", "up"), "Command up has no option --env."),
        (("--env", "prod", "promote", "1"), "Command promote has no option --env."),
    ],
)
def test_a_misplaced_word_gets_a_hint(invoke: Invoke, arguments: tuple[str, ...], hint: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert hint in text(result.stderr)


@pytest.mark.usefixtures("deployed")
def test_evaluate_is_another_name_of_evaluation(invoke: Invoke) -> None:
    assert invoke("evaluate", "nonsense").stderr == invoke("evaluation", "nonsense").stderr


def test_a_closed_pipe_ends_silently() -> None:
    script = (
        "import sys\n"
        "from topicsmith import cli\n"
        "from topicsmith.commands import run\n"
        "cli.app.registered_commands.clear()\n"
        "def fill(): [sys.stdout.write('x' * 9999) for _ in range(99)]\n"
        "cli._add('fill', fill, 'Runs')\n"
        "cli._add('tell', lambda: print('x'), 'Runs')\n"
        "sys.argv = ['topicsmith', sys.argv[1]]\n"
        "cli.main()\n"
    )
    for command in ("fill", "tell"):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen(
            [sys.executable, "-c", script, command], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        assert process.communicate()[1] == b""
        assert process.returncode == 141


def test_ctrl_c_ends_in_130(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "connect", interrupt)
    result = invoke("runs")
    assert result.exit_code == 130
    assert result.stderr == "\nInterrupted.\n"


def test_commands_in_messages_choose_the_same_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(invocation.LOCAL_VARIABLE, raising=False)
    invocation.remember(local=False)
    assert invocation.command("runs") == "topicsmith runs"
    invocation.remember(local=True)
    assert invocation.command("runs") == "topicsmith --local runs"
    assert invocation.command("local down") == "topicsmith local down"
    invocation.remember(local=False)
    assert cli.app.info.name == "topicsmith"
