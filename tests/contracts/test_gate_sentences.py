"""The gate of the pipeline and that of a promotion explain a failed threshold in the same words."""

import pytest

from ntm.evaluation import gate as pipeline
from topicsmith.promotion.candidate import explain
from topicsmith.runs.evaluation import Check


@pytest.mark.parametrize(
    ("metric", "kind", "value", "threshold"),
    [
        ("npmi", "at_least", 0.31, 0.4),
        ("perplexity", "at_most", 812.4, 100),
        ("npmi_over_baseline", "at_least", -0.012, 0),
        ("npmi_over_baseline", "at_least", 0.02, 0.05),
        ("topic_uniqueness_over_baseline", "at_least", -0.2, -0.1),
        ("perplexity_to_baseline", "at_most", 1.25, 1.1),
    ],
)
def test_a_failed_threshold(metric: str, kind: str, value: float, threshold: float) -> None:
    limit = pipeline.Threshold.parse(f"{metric}:{kind}:{threshold}")
    check = Check.model_validate(
        {"metric": metric, "value": value, "threshold": threshold, "kind": kind, "passed": False}
    )
    assert explain(check) == pipeline.Check(limit, value).sentence
