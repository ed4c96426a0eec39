import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.common.errors import InputError
from ntm.evaluation.gate import Threshold, judge

VALUES = {
    "metrics": {"npmi": 0.0312, "perplexity": 912.0, "topic_uniqueness": 0.8, "c_v": math.nan},
    "against_baseline": {"npmi": -0.02, "perplexity": 1.08, "topic_uniqueness": 0.1},
}


def reason(*thresholds: str) -> str:
    verdict = judge(VALUES, tuple(map(Threshold.parse, thresholds)))
    assert not verdict.passed
    return verdict.reason


def test_the_reason_names_metric_value_and_threshold() -> None:
    assert reason("npmi:at_least:0.05") == "npmi 0.0312 is below 0.05"
    assert reason("perplexity:at_most:900") == "perplexity 912 is above 900"
    assert reason("npmi_over_baseline:at_least:0") == ("npmi is 0.02 below the LDA baseline; it must be at least equal")
    assert reason("topic_uniqueness_over_baseline:at_least:0.2") == (
        "topic_uniqueness is 0.1 above the LDA baseline; it must be at least 0.2 above the baseline"
    )
    assert reason("npmi:at_least:0.05", "topic_uniqueness:at_least:0.3", "perplexity_to_baseline:at_most:1.0") == (
        "npmi 0.0312 is below 0.05; perplexity is 1.08 times the LDA baseline; it must be at most 1 times the baseline"
    )


def test_a_value_at_the_threshold_passes() -> None:
    verdict = judge(VALUES, (Threshold.parse("perplexity:at_most:912"), Threshold.parse("npmi:at_least:0.0312")))
    assert verdict.passed
    assert verdict.reason == "2 of 2 thresholds met"
    assert judge(VALUES, ()).reason == "no thresholds set"


def test_a_threshold_on_a_missing_metric_is_rejected() -> None:
    for threshold in ("c_v:at_least:0.1", "wetc:at_least:0.1"):
        with pytest.raises(InputError, match=r"The gate has a threshold for (c_v|wetc), which has no value"):
            judge(VALUES, (Threshold.parse(threshold),))


@given(st.sampled_from(["npmi", "perplexity_to_baseline"]), st.sampled_from(["at_least", "at_most"]), st.floats(-9, 9))
def test_thresholds_are_read(metric: str, kind: str, value: float) -> None:
    read = Threshold.parse(f"{metric}:{kind}:{value!r}")
    assert (read.metric, read.kind, read.value) == (metric, kind, value)


@pytest.mark.parametrize(
    "text", ["", "npmi", "npmi:at_least", "npmi:at_least:much", "npmi:at_least:nan", "npmi:at_least:inf",
             "npmi:above:1", "loss:at_most:1", "npmi:at_least:1:2"],
)  # fmt: skip
def test_an_invalid_threshold_is_rejected(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a threshold; allowed: <metric>:<at_least\|at_most>:<number>"):
        Threshold.parse(text)
