"""A gate that rejects a model, in a run and condition by condition against the evaluation's verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs.pipeline.quality_gate import CHECKS, QualityGate
from localcloud import control
from localcloud.services.sagemaker.pipelines.conditions import holds
from ntm.evaluation.gate import GATED, Threshold, judge
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, versions, wait_for


def test_a_rejected_run_reports_metric_value_and_threshold(rejected: Any) -> None:
    assert rejected["status"] == "Failed"
    assert [(step["name"], step["status"]) for step in rejected["steps"]] == [
        ("Preprocess", "Succeeded"),
        ("Train", "Succeeded"),
        ("Evaluate", "Succeeded"),
        ("Gate", "Succeeded"),
        ("Rejected", "Failed"),
    ]
    failure = rejected["steps"][-1]["failure"]
    assert failure.startswith("npmi ")
    assert " is below 0.99" in failure
    _, dot, report = failure.partition(". See s3://")
    assert dot, failure
    assert report.endswith(f"/evaluation/{rejected['id']}/report.html")


def test_a_rejected_run_cannot_be_retried(rejected: Any, strict: Operator, clients: Clients) -> None:
    retried = strict.attempt("retry", rejected["id"])
    assert retried.returncode == 1
    assert f"Run {rejected['id']} cannot be retried, because it ended with a decision" in retried.stderr
    client = clients("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match="the Fail step 'Rejected' ended it"):
        client.retry_pipeline_execution(PipelineExecutionArn=rejected["arn"], ClientRequestToken="r" * 32)


def test_a_rejected_run_registers_nothing(rejected: Any, clients: Clients) -> None:
    assert versions(clients, "strict") == []


def test_a_rejected_run_has_its_evaluation_and_report(
    rejected: Any, strict: Operator, clients: Clients, tmp_path: Path
) -> None:
    evaluated = strict.attempt("evaluation", rejected["id"])
    assert evaluated.returncode == 1
    gate = json.loads(evaluated.stdout)["gate"]
    assert (gate["passed"], [check["metric"] for check in gate["checks"]]) == (
        False,
        ["npmi", "topic_uniqueness", "npmi_over_baseline"],
    )
    strict("report", rejected["id"], "--out", tmp_path / "report.html", "--no-open")


def test_a_rejected_run_sends_a_notification(rejected: Any, cloud: control.LocalCloud) -> None:
    def message() -> Any:
        lines = cloud.messages_file.read_text().splitlines() if cloud.messages_file.exists() else []
        return next((line for line in map(json.loads, lines) if rejected["id"] in (line["subject"] or "")), None)

    notification = wait_for(message, "a message about the rejected run")
    assert (
        notification["subject"]
        == f"topicsmith-strict: run {rejected['id']} failed: the quality gate rejected the model"
    )
    assert "The quality gate rejected the model: npmi " in notification["message"]
    assert rejected["arn"] in notification["message"]


def test_the_pipeline_and_the_evaluation_check_the_same_metrics() -> None:
    assert {name: check.path for name, check in CHECKS.items()} == {
        name: ".".join(place) for name, place in GATED.items()
    }


_NUMBERS = st.floats(-5, 5) | st.sampled_from([0.0, 0.05, 0.3])


@given(
    st.dictionaries(st.sampled_from(sorted(CHECKS)), _NUMBERS, min_size=1),
    st.fixed_dictionaries(dict.fromkeys(sorted(CHECKS), _NUMBERS)),
)
def test_the_pipelines_conditions_agree_with_the_evaluations_verdict(
    thresholds: dict[str, float], values: dict[str, float]
) -> None:
    gate = QualityGate(thresholds=thresholds)
    measured: dict[str, dict[str, float]] = {"metrics": {}, "against_baseline": {}}
    for name, value in values.items():
        section, metric = GATED[name]
        measured[section][metric] = value
    document = json.loads(json.dumps(measured))

    def known(condition: Any) -> Any:
        section, _, metric = condition["LeftValue"]["Std:JsonGet"]["Path"].partition(".")
        return {**condition, "LeftValue": document[section][metric]}

    arguments = gate.arguments()
    verdict = judge(measured, tuple(Threshold.parse(text) for text in arguments[1::2]))
    conditions = gate.conditions({"Get": "Steps.Evaluate.PropertyFiles.Evaluation"})
    assert all(holds(known(condition)) for condition in conditions) == verdict.passed
    assert set(arguments[::2]) == {"--gate"}
