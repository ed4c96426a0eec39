"""The ``diff`` command: how it finds both sides, and its exit status."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.topicsmith.account import REGION, Account, Invoke
from topicsmith.commands import diff
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.sources import deployed

_CDK = """#!/bin/sh
# Fake CDK CLI: the app's assembly is in the folder "assembly".
if [ -f broken ]; then echo "the app is broken"; exit 1; fi
cp -r assembly "$5"
if [ -f assembly/validation-report.json ]; then echo "rules are broken"; exit 1; fi
"""


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


_QUEUE = {"Queue": _resource("AWS::SQS::Queue", DelaySeconds=5)}
_LATER = {"Queue": _resource("AWS::SQS::Queue", DelaySeconds=9)}
_RENAMED = {"Other": _resource("AWS::SQS::Queue", DelaySeconds=5)}


def _write(directory: Path, resources: dict[str, Any], *, account: str = "unknown-account") -> Path:
    """Write an assembly with one environment and one stack."""
    properties = {"templateFile": "data.json", "stackName": "topicsmith-dev-data"}
    stack = {"type": "aws:cloudformation:stack", "displayName": "dev/data", "properties": properties}
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-dev"}}
    inner = directory / "assembly-dev"
    inner.mkdir(parents=True, exist_ok=True)
    environment = f"aws://{account}/{REGION}"
    (directory / "manifest.json").write_text(json.dumps({"artifacts": {"assembly-dev": stage}}))
    (inner / "manifest.json").write_text(json.dumps({"artifacts": {"data": {**stack, "environment": environment}}}))
    (inner / "data.json").write_text(json.dumps({"Resources": resources}))
    return directory


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, whose app has one queue."""
    command = tmp_path / "node_modules" / ".bin" / "cdk"
    command.parent.mkdir(parents=True)
    command.write_text(_CDK)
    command.chmod(0o755)
    (tmp_path / ".gitignore").write_text("node_modules\n")
    (tmp_path / "requirements.txt").write_text("aws-cdk-lib==2\n")
    _write(tmp_path / "assembly", _QUEUE)
    _git(tmp_path, "init", "--quiet")
    _commit(tmp_path, "A queue")
    monkeypatch.setattr("topicsmith.core.checkout.project_root", lambda: tmp_path)
    monkeypatch.setattr("topicsmith.core.checkout.find", lambda: tmp_path)
    return tmp_path


def _git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def _commit(root: Path, message: str) -> None:
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", message)


@pytest.mark.parametrize(("resources", "status"), [(_QUEUE, 0), (_LATER, 1), (_RENAMED, 2)])
def test_the_working_tree_is_compared_with_the_last_commit(
    checkout: Path, invoke: Invoke, resources: dict[str, Any], status: int
) -> None:
    _write(checkout / "assembly", resources)
    result = invoke("diff")
    assert result.exit_code == status, result.output
    assert "A queue → the working tree" in result.stdout


def test_an_earlier_commit_and_other_libraries(checkout: Path, invoke: Invoke) -> None:
    _write(checkout / "assembly", _LATER)
    (checkout / "requirements.txt").write_text("aws-cdk-lib==3\n")
    _commit(checkout, "Later")
    assert invoke("diff").exit_code == 0
    result = invoke("diff", "--base", "HEAD~1", "--format", "json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert record["changes"][0]["details"] == ["DelaySeconds: 5 → 9"]
    assert record["notes"][1].startswith("requirements.txt changed, but both sides")


def test_two_assemblies_need_no_checkout(checkout: Path, invoke: Invoke, tmp_path: Path) -> None:
    one, two = _write(tmp_path / "one", _QUEUE), _write(tmp_path / "two", _RENAMED)
    result = invoke("diff", "--base", str(one), "--assembly", str(two), "--env", "all", "--format", "markdown")
    assert result.exit_code == 2
    assert result.stdout.startswith("## ⛔ Diff of all: 1 dangerous change.")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--base", "nowhere"], "Commit 'nowhere' does not exist."),
        (["--base", "--output=x"], "Commit '--output=x' does not exist."),
        (["--env", "staging"], "There is no environment 'staging' on either side."),
        (["--assembly", "nowhere"], "nowhere is not a cloud assembly"),
    ],
)
def test_a_failed_comparison_has_its_own_exit_status(
    checkout: Path, invoke: Invoke, options: list[str], problem: str
) -> None:
    result = invoke("diff", *options)
    assert result.exit_code == 3
    assert problem in result.stderr


def test_a_folder_that_is_not_a_repository_is_an_error(checkout: Path, invoke: Invoke) -> None:
    shutil.rmtree(checkout / ".git")
    result = invoke("diff")
    assert result.exit_code == 3
    assert f"{checkout} is not in a git repository" in result.stderr
    assert "--base deployed" in result.stderr


def test_a_failed_synth_is_reported_with_its_reason(checkout: Path, invoke: Invoke) -> None:
    (checkout / "broken").touch()
    result = invoke("diff")
    assert result.exit_code == 3
    assert "The working tree does not synthesize" in result.stderr
    assert "the app is broken" in result.stderr
    _commit(checkout, "Broken")
    (checkout / "broken").unlink()
    assert re.match(r"Error: Commit [0-9a-f]{7} does not synthesize", invoke("diff").stderr)


def test_a_violated_rule_is_compared_and_dangerous(checkout: Path, invoke: Invoke) -> None:
    def break_rule(severity: str, *constructs: str) -> None:
        violation = {
            "ruleName": "Rules-IAM5[Action::s3:*]",
            "description": "Too wide.",
            "severity": severity,
            "violatingConstructs": [{"constructPath": f"dev/data/{name}"} for name in constructs],
        }
        report = {"pluginReports": [{"violations": [violation]}]}
        (checkout / "assembly" / "validation-report.json").write_text(json.dumps(report))

    break_rule("error", "Role")
    result = invoke("diff")
    assert result.exit_code == 2
    assert "! Violates Rules-IAM5[Action::s3:*], so the deployment fails: Too wide." in result.stdout
    _commit(checkout, "Broken")
    assert invoke("diff").exit_code == 0
    break_rule("error", "Role", "Other")
    assert "        Other\n" in invoke("diff").stdout
    break_rule("warning", "Role")
    assert invoke("diff").exit_code == 3


def test_an_internal_error_has_its_own_exit_status(
    checkout: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(diff.compare, "compare", fail)
    result = invoke("diff")
    assert result.exit_code == 3
    assert "a bug" in result.stderr


def test_deployed_stacks_are_compared_with_their_parameters(account: Account, invoke: Invoke, tmp_path: Path) -> None:
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(StackName="topicsmith-dev-data", TemplateBody=json.dumps({"Resources": _QUEUE}))
    cloudformation.create_stack(StackName="topicsmith-dev-old", TemplateBody=json.dumps({"Resources": _LATER}))
    cloudformation.create_stack(StackName="topicsmith-prod-data", TemplateBody=json.dumps({"Resources": _LATER}))
    same = invoke("diff", "--base", "deployed", "--assembly", str(_write(tmp_path / "same", _QUEUE)))
    assert same.exit_code == 2
    assert "Stack topicsmith-dev-old is no longer in the app." in same.stdout
    assert "topicsmith-prod-data" not in same.stdout
    cloudformation.delete_stack(StackName="topicsmith-dev-old")
    assert invoke("diff", "--base", "deployed", "--assembly", str(tmp_path / "same")).exit_code == 0
    later = invoke("diff", "--base", "deployed", "--assembly", str(_write(tmp_path / "later", _LATER)))
    assert later.exit_code == 1
    assert "DelaySeconds: 5 → 9" in later.stdout


def test_stacks_in_another_account_need_other_credentials(account: Account, invoke: Invoke, tmp_path: Path) -> None:
    elsewhere = str(_write(tmp_path / "elsewhere", _QUEUE, account="999999999999"))
    result = invoke("diff", "--base", "deployed", "--assembly", elsewhere)
    assert result.exit_code == 3
    assert "is in account 999999999999, but the credentials belong to 123456789012" in result.stderr


def test_cloudformation_returns_question_marks_for_non_ascii_characters() -> None:
    stack = Stack("s", "dev/s", None, None, {"Description": "é → 🙂"})
    assert deployed.as_returned(stack).template == {"Description": "? ? ?"}
