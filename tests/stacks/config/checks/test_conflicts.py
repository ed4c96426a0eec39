"""Conflicts between sections of an environment file."""

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig

_LISTED = {
    "learning_rate": {"values": [0.01, 0.1]},
    "mini_batch_size": None,
    "rescale_gradient": None,
    "weight_decay": None,
}


_VECTORS = {"evaluation": {"word_vectors": "glove.txt"}}


def _problems(**values: Any) -> dict[str, str]:
    try:
        EnvironmentConfig.model_validate({"region": "us-east-1", **values})
    except ValidationError as error:
        return {".".join(map(str, detail["loc"])): detail["msg"] for detail in error.errors()}
    return {}


@pytest.mark.parametrize(
    ("values", "key", "problem"),
    [
        ({"training": {"hyperparameters": {"optimizer": "adam"}}}, "training.hyperparameters.optimizer", "it is tuned"),
        ({"training": {"hyperparameters": {"epochs": 5}}}, "tuning.epochs", "allowed: 5 or less"),
        ({"tuning": {"ranges": {"num_topics": {"min": 5, "max": 9}}}}, "tuning.ranges.num_topics", "not comparable"),
        ({"tuning": {"strategy": "grid"}}, "tuning.ranges.learning_rate", "strategy grid needs a list of values"),
        (
            {"tuning": {"strategy": "grid", "ranges": _LISTED, "max_jobs": 20}},
            "tuning.max_jobs",
            "strategy grid tries every combination, 18 here",
        ),
        (
            {
                "tuning": {
                    "strategy": "grid",
                    "ranges": {
                        **_LISTED,
                        "mini_batch_size": {"values": list(range(1, 31))},
                        "weight_decay": {"values": [0.0, 0.1]},
                    },
                }
            },
            "tuning.ranges",
            "strategy grid has 1080 combinations",
        ),
        ({"tuning": {"ranges": _LISTED}}, "tuning.max_jobs", "only 18 combinations"),
        (
            {"tuning": {"strategy": "grid", "ranges": _LISTED, "parallel_jobs": 19}},
            "tuning.parallel_jobs",
            "allowed: 18 or less",
        ),
        (
            {"region": "us-west-1", "network": {"mode": "private", "zones": 3}},
            "network.zones",
            "allowed: 2, or another region",
        ),
        (
            {"tuning": {"ranges": {**_LISTED, "learning_rate": None, "mini_batch_size": {"min": 16, "max": 17}}}},
            "tuning.max_jobs",
            "18 or less, more values in tuning.ranges",
        ),
        (
            {"tuning": {"strategy": "grid", "ranges": _LISTED, "warm_start": {"from_job": "earlier"}}},
            "tuning.warm_start.from_job",
            "does not use the results of an earlier job",
        ),
        (
            {"training": {"instance_type": "ml.p3.2xlarge"}},
            "training.instance_type",
            "older than the Turing generation",
        ),
        ({"tuning": {"instance_type": "ml.p2.xlarge"}}, "tuning.instance_type", "for example ml.g4dn.xlarge"),
        (
            {"account": "123456789012", "permissions_boundary": "arn:aws:iam::210987654321:policy/limits"},
            "permissions_boundary",
            "allowed: a policy of account 123456789012, or of AWS",
        ),
        ({"gate": {"wetc": 0.1}}, "gate.wetc", "there are no word vectors"),
        ({"tuning": {"objective": "validation:wetc"}}, "tuning.objective", "there are no word vectors"),
        (
            {"tuning": {"objective": "validation:wetc", "early_stopping": True}, **_VECTORS},
            "tuning.early_stopping",
            "once, at the end",
        ),
        (
            {"tuning": {"objective": "validation:wetc", "strategy": "hyperband"}, **_VECTORS},
            "tuning.strategy",
            "once, at the end",
        ),
    ],
)
def test_conflicting_sections(values: dict[str, Any], key: str, problem: str) -> None:
    found = _problems(**values)
    assert problem in found[key]


@pytest.mark.parametrize(
    ("values", "key", "problem"),
    [
        (
            {"training": {"hyperparameters": {"objective": "elbo"}}},
            "training.hyperparameters.objective",
            "does not support it",
        ),
        ({"training": {"hyperparameters": {"seed": 1}}}, "training.hyperparameters.seed", "does not support it"),
        ({"training": {"spot": True, "max_wait_minutes": 61}}, "training.max_wait_minutes", "writes no checkpoints"),
        ({"training": {"spot": True, "max_runtime_minutes": 61}}, "training.max_runtime_minutes", "60 or less"),
        (
            {"tuning": {"spot": True, "max_job_wait_minutes": 61}},
            "tuning.max_job_wait_minutes",
            "writes no checkpoints",
        ),
        ({"tuning": {"spot": True, "max_job_runtime_minutes": 61}}, "tuning.max_job_runtime_minutes", "60 or less"),
        ({"training": {"instance_type": "ml.g6.xlarge"}}, "training.instance_type", "ml.g4dn.*, ml.g5.*"),
        ({"tuning": {"instance_type": "ml.p4d.24xlarge"}}, "tuning.instance_type", "ml.p2.*"),
        ({"tuning": {"objective": "validation:npmi"}}, "tuning.objective", "only the project's container logs it"),
        ({"tuning": {"early_stopping": True}}, "tuning.early_stopping", "once, at the end"),
        ({"tuning": {"strategy": "hyperband"}}, "tuning.strategy", "once, at the end"),
        ({"region": "ap-southeast-5"}, "region", "allowed: af-south-1"),
    ],
)
def test_settings_that_the_built_in_algorithm_lacks(values: dict[str, Any], key: str, problem: str) -> None:
    assert key not in _problems(**values)
    assert problem in _problems(algorithm="builtin", **values)[key]


def test_without_tuning_its_section_has_no_conflicts() -> None:
    said = {"hyperparameters": {"optimizer": "adam", "epochs": 5}}
    tuning = {"enabled": False, "strategy": "grid", "early_stopping": True}
    assert _problems(tuning=tuning, training=said, algorithm="builtin") == {}


@pytest.mark.parametrize("size", ["g4dn.xlarge", "g5.xlarge", "p4d.24xlarge", "p5.48xlarge", "g6e.xlarge"])
def test_gpus_from_turing_on_train_with_our_container(size: str) -> None:
    instance_type = {"instance_type": f"ml.{size}"}
    assert _problems(training=instance_type, tuning=instance_type) == {}


def test_a_grid_of_listed_values() -> None:
    assert _problems(tuning={"strategy": "grid", "ranges": _LISTED}) == {}


def test_tuning_by_wetc_is_accepted_with_word_vectors() -> None:
    assert _problems(tuning={"objective": "validation:wetc"}, **_VECTORS) == {}


def test_the_number_of_topics_can_be_tuned_by_coherence() -> None:
    ranges = {"num_topics": {"min": 5, "max": 9}}
    assert _problems(tuning={"objective": "validation:npmi", "ranges": ranges}) == {}
