"""The schema of ``evaluation.json``; ``inputs.evaluation`` validates complete evaluations."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from ntm.evaluation.document import FORMAT
from ntm.evaluation.gate import GATED
from tests.containers.ntm.evaluation.inputs import SCHEMA

_METRICS = {
    "npmi": 0.2,
    "npmi_train": 0.3,
    "c_v": 0.5,
    "topic_uniqueness": 0.9,
    "topic_uniqueness_10": 1,
    "topic_diversity": 0.9,
    "perplexity": 400.5,
}
_TOPIC = {
    "topic": 0,
    "share": 0.5,
    "documents": 60,
    "npmi": None,
    "c_v": 0.5,
    "uniqueness": 1,
    "words": [["moon", 0.1]],
    "representative": [{"id": "1", "weight": 0.9}],
    "nearest": [1, 0.2],
}
_EVALUATION: dict[str, Any] = {
    "format": FORMAT,
    "run": {
        "execution": "arn",
        "environment": "dev",
        "algorithm": "container",
        "corpus_uri": "s3://data/raw/x.csv",
        "corpus_version": "c0ffee",
        "training_job": "job",
        "tuning_job": None,
        "num_topics": 2,
        "feature_dim": 100,
    },
    "documents": {"train": 400, "test": 120, "scored": 119},
    "metrics": _METRICS,
    "baseline": {**_METRICS, "model": "LDA", "iterations": 100, "documents": 400, "seconds": 1.5},
    "against_baseline": {"npmi": 0, "c_v": 0, "topic_uniqueness": 0, "topic_diversity": 0, "perplexity": 1},
    "gate": {
        "passed": True,
        "reason": "1 of 1 thresholds met",
        "checks": [{"metric": "npmi", "value": 0.2, "threshold": 0.1, "kind": "at_least", "passed": True}],
    },
    "topics": [_TOPIC, {**_TOPIC, "topic": 1, "nearest": [0, 0.2], "wetc": None}],
    "tuning": {"metric": "validation:npmi_tu", "goal": "maximize"},
    "trials": [{"job": "a", "status": "Failed", "objective": None, "hyperparameters": {"x": "1"}, "seconds": None}],
    "seconds": {"baseline": 1.5},
}


def test_the_schema_is_valid_and_covers_every_threshold() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    checks = SCHEMA["properties"]["gate"]["properties"]["checks"]["items"]["properties"]
    assert set(checks["metric"]["enum"]) == set(GATED)
    Draft202012Validator(SCHEMA).validate(_EVALUATION)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("gate"),
        lambda found: found.update(format=2),
        lambda found: found["metrics"].update(npmi=None),
        lambda found: found["metrics"].update(model="LDA"),
        lambda found: found["baseline"].pop("perplexity"),
        lambda found: found["gate"].update(reason="npmi is too low."),
        lambda found: found["gate"]["checks"][0].update(metric="loss"),
        lambda found: found["topics"][0]["words"].append(["moon"]),
        lambda found: found["trials"][0].update(seconds=-1),
    ],
)
def test_the_schema_rejects_invalid_evaluations(spoil: Callable[[dict[str, Any]], object]) -> None:
    found = copy.deepcopy(_EVALUATION)
    spoil(found)
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(found)
