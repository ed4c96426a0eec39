"""Lengths that AWS limits."""

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.config.environment import EnvironmentConfig

_SCHEDULE = {"expression": "rate(1 day)"}


@pytest.mark.parametrize(
    ("environment", "longer", "key"),
    [
        (lambda text: {"preprocessing": {"text_columns": ["a", text[2:]]}}, 1025, "preprocessing.text_columns"),
        (lambda text: {"preprocessing": {"id_column": text}}, 1025, "preprocessing.id_column"),
        (lambda text: {"triggers": {"schedule": {**_SCHEDULE, "corpus": text}}}, 952, "triggers.schedule.corpus"),
        (lambda text: {"evaluation": {"word_vectors": text}}, 952, "evaluation.word_vectors"),
        (lambda text: {"http_api": {"auth": "jwt", "issuer": _url(text), "audience": ["a"]}}, 2049, "http_api.issuer"),
        (
            lambda text: {"training": {"hyperparameters": {"encoder_layers": text.replace("a", "1")}}},
            2501,
            "training.hyperparameters.encoder_layers",
        ),
    ],
)
def test_values_longer_than_aws_takes_are_refused(environment: Any, longer: int, key: str) -> None:
    EnvironmentConfig.model_validate({"region": "us-east-1", **environment("a" * (longer - 1))})
    with pytest.raises(ValidationError) as refused:
        EnvironmentConfig.model_validate({"region": "us-east-1", **environment("a" * longer)})
    (error,) = refused.value.errors()
    assert ".".join(map(str, error["loc"])) == key


def test_keys_are_measured_in_bytes() -> None:
    EnvironmentConfig.model_validate({"region": "us-east-1", "evaluation": {"word_vectors": "ö" * 475}})
    with pytest.raises(ValidationError, match="952 bytes; allowed: at most 951 bytes"):
        EnvironmentConfig.model_validate({"region": "us-east-1", "evaluation": {"word_vectors": "ö" * 476}})


def _url(text: str) -> str:
    return "https://" + text[len("https://") :]
