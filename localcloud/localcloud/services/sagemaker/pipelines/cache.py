"""Step caching: a step with a known cache key reuses the results of the earlier step.

Cache keys by type of step: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html.
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

# A path names the part of an attribute that belongs to the key.
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
    """A ``CacheConfig`` is invalid."""


@dataclass(frozen=True)
class CachedStep:
    """Results of a step that succeeded.

    Attributes:
        execution_arn: Execution of the step.
        ended: End of the step.
        properties: Properties, for ``Steps.<name>.…``.
        metadata: Metadata of ListPipelineExecutionSteps.
    """

    execution_arn: str
    ended: datetime
    properties: Mapping[str, Any]
    metadata: Mapping[str, Any]


class StepCache:
    """Reusable results of one pipeline's steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, CachedStep] = {}

    def find(self, definition: Mapping[str, Any], arguments: Any) -> CachedStep | None:
        """Return the latest result of a step with the same key, unless it has expired.

        Args:
            definition: The step.
            arguments: Its ``Arguments``, with all references resolved.
        """
        expiry = expiry_of(definition)
        if expiry is None:
            return None
        with self._lock:
            found = self._steps.get(_key(definition, arguments))
        return copy.deepcopy(found) if found and found.ended + expiry > utcnow() else None

    def keep(self, definition: Mapping[str, Any], arguments: Any, step: CachedStep) -> None:
        """Store the results of a step, if caching is enabled for it."""
        if expiry_of(definition) is not None:
            with self._lock:
                self._steps[_key(definition, arguments)] = copy.deepcopy(step)


def expiry_of(definition: Mapping[str, Any]) -> timedelta | None:
    """Return the lifetime of a step's results, or None if caching is disabled.

    Raises:
        CacheError: The duration is missing or not in ISO 8601.
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
