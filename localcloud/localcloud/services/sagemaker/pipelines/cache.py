"""Step caching: a step whose cache key was seen before takes what the step of then left.

What makes the key of each type of step is in https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html.
"""

import copy
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow

from localcloud.core.errors import LocalCloudError

# Where an attribute is a path, the part of the request that counts.
_KEY_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges",
        "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters",
        "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}

_DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_DAYS_OF_YEAR, _DAYS_OF_MONTH = 365, 30


class CacheError(LocalCloudError):
    """A ``CacheConfig`` is not one."""


@dataclass(frozen=True)
class CachedStep:
    """What a step that succeeded left.

    Attributes:
        execution_arn: the execution that it was part of.
        ended: when.
        properties: what ``Steps.<name>.…`` refers to.
        metadata: what ListPipelineExecutionSteps tells.
    """

    execution_arn: str
    ended: datetime
    properties: Mapping[str, Any]
    metadata: Mapping[str, Any]


class StepCache:
    """The steps of one pipeline that succeeded and may be taken again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, CachedStep] = {}

    def find(self, definition: Mapping[str, Any], arguments: Any) -> CachedStep | None:
        """Return the newest success of a step with the same key, unless it is too old.

        Args:
            definition: the step.
            arguments: its ``Arguments``, with every reference resolved.
        """
        expiry = expiry_of(definition)
        if expiry is None:
            return None
        with self._lock:
            found = self._steps.get(_key(definition, arguments))
        return copy.deepcopy(found) if found and found.ended + expiry > utcnow() else None

    def keep(self, definition: Mapping[str, Any], arguments: Any, step: CachedStep) -> None:
        """Keep what a step left; nothing happens when the step is not to be cached."""
        if expiry_of(definition) is not None:
            with self._lock:
                self._steps[_key(definition, arguments)] = copy.deepcopy(step)


def expiry_of(definition: Mapping[str, Any]) -> timedelta | None:
    """Return for how long a success of a step may be taken again, ``None`` where it may not at all.

    Raises:
        CacheError: the time is missing or not an ISO 8601 duration.
    """
    config = definition.get("CacheConfig") or {}
    if not config.get("Enabled") or definition["Type"] not in _KEY_ATTRIBUTES:
        return None
    match = _DURATION.fullmatch(str(config.get("ExpireAfter", "")))
    if match is None:
        raise CacheError(f"CacheConfig.ExpireAfter is {config.get('ExpireAfter')!r}; it must be a duration like P30D.")
    given = {unit: int(number or 0) for unit, number in match.groupdict().items()}
    days = given.pop("days") + _DAYS_OF_YEAR * given.pop("years") + _DAYS_OF_MONTH * given.pop("months")
    return timedelta(days=days, **given)


def _key(definition: Mapping[str, Any], arguments: Any) -> str:
    attributes = {path: _at(arguments, path) for path in _KEY_ATTRIBUTES[definition["Type"]]}
    counted = json.dumps([definition["Name"], definition["Type"], attributes], sort_keys=True)
    return hashlib.sha256(counted.encode()).hexdigest()


def _at(arguments: Any, path: str) -> Any:
    for part in path.split("."):
        arguments = arguments.get(part) if isinstance(arguments, Mapping) else None
    return arguments
