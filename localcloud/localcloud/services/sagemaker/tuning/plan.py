"""Plan of a tuning job, parsed from its request and validated like SageMaker does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.core.errors import LocalCloudError
from localcloud.runtime.images import ImageUnavailable
from localcloud.services.sagemaker.training.built_in import built_in_definitions
from localcloud.services.sagemaker.tuning.ranges import ChoiceRange, Range, RangeError, combinations, read_ranges

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}")
_STRATEGIES = ("Bayesian", "Random", "Grid", "Hyperband")
_RESOURCE = "epochs"
"""Hyperparameter that Hyperband varies itself."""


class RequestError(LocalCloudError, ValueError):
    """The request is invalid; the message says why."""


@dataclass(frozen=True)
class Epochs:
    """Hyperband's resource.

    Attributes:
        least: First epoch after which a job may be stopped.
        most: Maximum number of epochs of a job.
        cuts: Jobs must be stopped at the maximum; they would train longer.
    """

    least: int
    most: int
    cuts: bool


@dataclass(frozen=True)
class Plan:
    """Plan of a tuning job.

    Attributes:
        strategy: ``Bayesian``, ``Random``, ``Grid`` or ``Hyperband``.
        ranges: Ranges of the tuned hyperparameters.
        jobs: Maximum number of training jobs.
        parallel: Maximum number of concurrent training jobs.
        stops_early: Stop training jobs that are unlikely to improve.
        epochs: Epochs for ``Hyperband``.
        seed: Random seed; None for a different choice each time.
    """

    strategy: str
    ranges: list[Range]
    jobs: int
    parallel: int
    stops_early: bool
    epochs: Epochs | None
    seed: int | None

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any], definition: Mapping[str, Any]) -> "Plan":
        """Return the plan of a request.

        Args:
            name: Name of the tuning job.
            config: ``HyperParameterTuningJobConfig``.
            definition: ``TrainingJobDefinition``.

        Raises:
            RequestError: A member is missing, unknown or contradicts another one.
        """
        if not _NAME.fullmatch(name):
            raise RequestError(
                f"1 validation error detected: Value '{name}' at 'hyperParameterTuningJobName' failed to satisfy "
                "constraint: Member must have length less than or equal to 32 and satisfy regular expression pattern: "
                f"{_NAME.pattern}"
            )
        strategy, limits = config["Strategy"], config["ResourceLimits"]
        if strategy not in _STRATEGIES:
            raise RequestError(f"Strategy is {strategy!r}; allowed: {', '.join(_STRATEGIES)}.")
        try:
            ranges = read_ranges(config.get("ParameterRanges") or {})
        except RangeError as error:
            raise RequestError(str(error)) from error
        static = definition.get("StaticHyperParameters") or {}
        if both := sorted(one.name for one in ranges if one.name in static):
            raise RequestError(f"Hyperparameters with both a static value and a range: {', '.join(both)}.")
        _check_objective(config, definition)
        stops_early = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        if strategy == "Hyperband" and stops_early:
            raise RequestError("Hyperband stops training jobs itself: TrainingJobEarlyStoppingType must be Off.")
        return cls(
            strategy,
            ranges,
            _jobs(strategy, ranges, limits.get("MaxNumberOfTrainingJobs")),
            limits["MaxParallelTrainingJobs"],
            stops_early,
            _epochs(config, static) if strategy == "Hyperband" else None,
            config.get("RandomSeed"),
        )


def _check_objective(config: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    specification = definition["AlgorithmSpecification"]
    image = specification.get("TrainingImage")
    objective = config.get("HyperParameterTuningJobObjective")
    if not image or not objective:
        raise RequestError("TrainingImage and HyperParameterTuningJobObjective are required.")
    try:
        built_in = built_in_definitions(image, definition["RoleArn"])
    except ImageUnavailable as error:
        raise RequestError(str(error)) from error
    own = specification.get("MetricDefinitions") or []
    if built_in and own:
        raise RequestError(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request "
            "without specifying metric definitions."
        )
    defined = [metric["Name"] for metric in built_in or own]
    if objective["MetricName"] not in defined:
        raise RequestError(
            f"The objective metric {objective['MetricName']!r} is not defined by the training jobs; defined: "
            f"{', '.join(defined) or 'there are no MetricDefinitions'}."
        )


def _jobs(strategy: str, ranges: list[Range], asked: int | None) -> int:
    if strategy == "Grid":
        if not all(isinstance(one, ChoiceRange) for one in ranges):
            raise RequestError("Grid search supports only categorical ranges.")
        tried = int(combinations(ranges))
        if asked is not None and asked != tried:
            raise RequestError(
                f"Grid search tries every combination: there are {tried}, and MaxNumberOfTrainingJobs is {asked}."
            )
        return tried
    if asked is None:
        raise RequestError(f"ResourceLimits.MaxNumberOfTrainingJobs is required with the strategy {strategy}.")
    there_are = combinations(ranges)
    if asked > there_are:
        # https://github.com/aws/amazon-sagemaker-operator-for-k8s/issues/123
        raise RequestError(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            f"combinations for the provided ranges [{float(there_are)}] must be equal or greater than the value of "
            f"MaxNumberOfJobs, [{asked}]. Provide additional ranges."
        )
    return asked


def _epochs(config: Mapping[str, Any], static: Mapping[str, str]) -> Epochs:
    settings = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    own = static.get(_RESOURCE, "")
    wanted = int(own) if own.isdecimal() else None
    least, most = settings.get("MinResource") or 1, settings.get("MaxResource") or wanted
    if most is None or least >= most:
        raise RequestError(f"Hyperband needs a MinResource below its MaxResource; they are {least} and {most}.")
    return Epochs(least, most, wanted is None or wanted > most)
