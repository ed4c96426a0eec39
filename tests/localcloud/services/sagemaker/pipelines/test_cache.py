from datetime import timedelta
from typing import Any

import pytest
from moto.core.utils import utcnow

from localcloud.services.sagemaker.pipelines.cache import CachedStep, CacheError, StepCache, expiry_of

CACHED = {"Enabled": True, "ExpireAfter": "P30D"}
TUNING: dict[str, Any] = {
    "HyperParameterTuningJobConfig": {"Strategy": "Random"},
    "TrainingJobDefinition": {
        "StaticHyperParameters": {"epochs": "3"},
        "InputDataConfig": [{"ChannelName": "train"}],
        "OutputDataConfig": {"S3OutputPath": "s3://b/models/one"},
        "RoleArn": "arn:one",
    },
}


def _definition(kind: str = "Tuning", name: str = "Tune", **config: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "CacheConfig": CACHED | config}


def _step(age: timedelta = timedelta()) -> CachedStep:
    return CachedStep("arn:execution", utcnow() - age, {"Best": 1}, {"TuningJob": {"Arn": "arn:job"}})


def _with(**definition: Any) -> dict[str, Any]:
    return {**TUNING, "TrainingJobDefinition": {**TUNING["TrainingJobDefinition"], **definition}}


def test_success_with_the_same_key_is_a_cache_hit() -> None:
    cache = StepCache()
    assert cache.find(_definition(), TUNING) is None
    cache.keep(_definition(), TUNING, _step())
    found = cache.find(_definition(), _with(OutputDataConfig={"S3OutputPath": "s3://b/models/two"}, RoleArn="arn:two"))
    assert found is not None
    assert found.properties == {"Best": 1}
    assert found.metadata == {"TuningJob": {"Arn": "arn:job"}}


@pytest.mark.parametrize(
    ("definition", "arguments"),
    [
        (_definition(), _with(StaticHyperParameters={"epochs": "4"})),
        (_definition(), _with(InputDataConfig=[{"ChannelName": "test"}])),
        (_definition(), {**TUNING, "HyperParameterTuningJobConfig": {"Strategy": "Bayesian"}}),
        (_definition(name="TuneAgain"), TUNING),
        (_definition(Enabled=False), TUNING),
        (_definition("Lambda"), TUNING),
    ],
)
def test_any_relevant_change_changes_the_key(definition: dict[str, Any], arguments: dict[str, Any]) -> None:
    cache = StepCache()
    cache.keep(_definition(), TUNING, _step())
    assert cache.find(definition, arguments) is None


def test_expired_success_is_not_reused() -> None:
    cache = StepCache()
    cache.keep(_definition(), TUNING, _step(timedelta(days=31)))
    assert cache.find(_definition(), TUNING) is None
    cache.keep(_definition(), TUNING, _step(timedelta(days=29)))
    assert cache.find(_definition(), TUNING) is not None


def test_cache_hit_is_a_copy() -> None:
    cache = StepCache()
    cache.keep(_definition(), TUNING, _step())
    found = cache.find(_definition(), TUNING)
    assert found is not None
    found.metadata["changed"] = True  # type: ignore[index]
    again = cache.find(_definition(), TUNING)
    assert again is not None
    assert "changed" not in again.metadata


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("P30D", timedelta(days=30)),
        ("PT1H", timedelta(hours=1)),
        ("P1DT2H30M5S", timedelta(days=1, hours=2, minutes=30, seconds=5)),
        ("P2W", timedelta(weeks=2)),
        ("P1M", timedelta(days=30)),
        ("P1Y", timedelta(days=365)),
    ],
)
def test_durations(text: str, expiry: timedelta) -> None:
    assert expiry_of(_definition(ExpireAfter=text)) == expiry


@pytest.mark.parametrize("text", ["", "P", "PT", "30D", "P30", "1h", None])
def test_invalid_durations_are_refused(text: str | None) -> None:
    with pytest.raises(CacheError, match="it must be a duration like P30D"):
        expiry_of(_definition(ExpireAfter=text))
