"""The deployed gate and its verdict on another environment's model."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs.pipeline.quality_gate import CHECKS, QualityGate
from tests.topicsmith.promotion.support import PASSED
from topicsmith.core.errors import OperatorError
from topicsmith.models import gate
from topicsmith.runs.evaluation import Evaluation

_NUMBERS = st.floats(-5, 5) | st.sampled_from([0.0, 0.31, 0.9])


def definition(thresholds: dict[str, float]) -> dict[str, Any]:
    """Return a pipeline definition with only the gate, as synthesized."""
    conditions = QualityGate(thresholds=thresholds).conditions({"Get": "Steps.Evaluate.PropertyFiles.Evaluation"})
    return {"Steps": [{"Name": "Train"}, {"Name": "Gate", "Arguments": {"Conditions": conditions}}]}


def test_thresholds_are_named_as_in_the_environments_file() -> None:
    assert {name: path for path, name in gate.NAMES.items()} == {name: check.path for name, check in CHECKS.items()}


@given(st.dictionaries(st.sampled_from(sorted(CHECKS)), _NUMBERS))
def test_the_deployed_thresholds_match_the_environment(thresholds: dict[str, float]) -> None:
    found = gate.thresholds(definition(thresholds))
    assert {one.metric: one.value for one in found} == thresholds
    assert {one.metric: one.kind for one in found} == {name: CHECKS[name].kind for name in thresholds}


def test_a_model_is_compared_with_each_threshold() -> None:
    evaluation = Evaluation.model_validate(PASSED)
    asked = gate.thresholds(definition({"npmi": 0.31, "perplexity": 100, "npmi_over_baseline": 0.1}))
    found = {check.metric: check.passed for check in gate.judge(evaluation, asked, "prod")}
    assert found == {"npmi": True, "perplexity": False, "npmi_over_baseline": False}


@pytest.mark.parametrize(
    "condition",
    [
        {"Type": "Equals", "LeftValue": {"Std:JsonGet": {"Path": "metrics.npmi"}}, "RightValue": 1},
        {"Type": "GreaterThanOrEqualTo", "LeftValue": 1, "RightValue": 1},
        {"Type": "GreaterThanOrEqualTo", "LeftValue": {"Std:JsonGet": {"Path": "metrics.npmi"}}, "RightValue": "x"},
    ],
)
def test_an_unknown_gate_definition_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        gate.thresholds({"Steps": [{"Name": "Gate", "Arguments": {"Conditions": [condition]}}]})
