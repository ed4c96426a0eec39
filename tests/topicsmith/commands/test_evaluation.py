"""The ``evaluate`` and ``report`` commands."""

import json
import webbrowser
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.topicsmith.account import EVALUATION, REASON, REJECTION, Account, Invoke
from topicsmith.core import checkout


def evaluated(account: Account, evaluation: object, **rest: object) -> str:
    """Create an evaluated run and return its id."""
    account.steps = [
        [{"StepName": "Evaluate", "StepStatus": "Succeeded", "Metadata": account.evaluate(evaluation), **rest}]
    ]
    return account.start()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that the browser was asked to open."""
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: pages.append(uri) or True)
    return pages


def test_a_model_is_shown_beside_the_baseline_with_the_gates_checks(deployed: Account, invoke: Invoke) -> None:
    result = invoke("evaluation", evaluated(deployed, EVALUATION))
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["NPMI", "0.310", "0.220"] in rows
    assert ["Perplexity", "812", "901"] in rows
    assert "tomotopy LDA 0.14.0" in result.stdout
    assert "WETC" not in result.stdout
    assert "The model passed the gate.\n  ✓ npmi_over_baseline 0.090 (at least 0)\n" in result.stdout


def test_json_prints_the_complete_evaluation(deployed: Account, invoke: Invoke) -> None:
    result = invoke("evaluation", evaluated(deployed, EVALUATION), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == EVALUATION


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_rejected_model_is_exit_code_1(deployed: Account, invoke: Invoke, option: list[str]) -> None:
    result = invoke("evaluation", evaluated(deployed, REJECTION), *option)
    assert result.exit_code == 1
    assert REASON in result.stdout


def test_the_report_is_fetched_and_opened(
    deployed: Account, invoke: Invoke, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "find", lambda: tmp_path)
    run_id = evaluated(deployed, EVALUATION)
    result = invoke("report", run_id)
    assert result.exit_code == 0, result.output
    file = tmp_path / ".topicsmith" / "reports" / f"{run_id}.html"
    assert file.read_bytes() == b"<!doctype html>"
    assert str(file) in result.stdout
    assert opened == [file.as_uri()]


def test_an_unwritable_reports_folder_is_an_error(
    deployed: Account, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".topicsmith").touch()
    monkeypatch.setattr(checkout, "find", lambda: tmp_path)
    result = invoke("report", evaluated(deployed, EVALUATION))
    assert result.exit_code == 1
    assert "cannot be created" in result.stderr
    assert "--out FILE" in result.stderr


def test_the_report_is_only_downloaded_with_no_open(
    deployed: Account, invoke: Invoke, tmp_path: Path, opened: list[str]
) -> None:
    file = tmp_path / "report.html"
    run_id = evaluated(deployed, EVALUATION)
    result = invoke("report", run_id, "--out", str(file), "--no-open", "--json")
    assert json.loads(result.stdout) == {"run": run_id, "report": str(file)}
    assert file.exists()
    assert opened == []


def test_without_a_browser_the_path_of_the_report_is_printed(
    deployed: Account, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    result = invoke("report", evaluated(deployed, EVALUATION), "--out", str(tmp_path / "r.html"))
    assert result.exit_code == 0
    assert "r.html" in result.stdout
    assert "No browser found" in result.stderr


def test_an_unwritable_path_is_an_error(deployed: Account, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("report", evaluated(deployed, EVALUATION), "--out", str(tmp_path / "none" / "r.html"))
    assert result.exit_code == 1
    assert "r.html cannot be written: No such file or directory." in result.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is invalid"),
        ({**EVALUATION, "metrics": {"npmi": "high"}}, "is invalid: metrics.npmi"),
    ],
)
def test_a_broken_evaluation_is_an_error_with_its_reason(
    deployed: Account, invoke: Invoke, content: Any, reason: str
) -> None:
    result = invoke("evaluation", evaluated(deployed, content))
    assert result.exit_code == 1
    assert reason in result.stderr


def test_a_deleted_evaluation_is_an_error(deployed: Account, invoke: Invoke) -> None:
    run_id = evaluated(deployed, EVALUATION)
    boto3.client("s3").delete_object(Bucket="topicsmith-dev-data", Key="evaluation/r/evaluation.json")
    result = invoke("evaluation", run_id)
    assert result.exit_code == 1
    assert "s3://topicsmith-dev-data/evaluation/r/evaluation.json no longer exists" in result.stderr


def test_a_run_without_an_evaluation_yet_is_an_error(deployed: Account, invoke: Invoke) -> None:
    result = invoke("evaluation", deployed.start())
    assert result.exit_code == 1
    assert "has not reached step Evaluate yet." in result.stderr


def test_an_evaluation_that_failed_is_not_shown(deployed: Account, invoke: Invoke) -> None:
    run_id = evaluated(deployed, EVALUATION, StepStatus="Failed")
    result = invoke("report", run_id)
    assert result.exit_code == 1
    assert f"Step Evaluate of run {run_id} is Failed." in result.stderr
