"""What one section of an environment says against another."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic_core import InitErrorDetails

from constructs.builtin_image import ACCOUNTS
from constructs.tuning_search import ListedValues
from stacks.config_sections.base import refuse

if TYPE_CHECKING:
    from stacks.config import EnvironmentConfig

_Conflicts = Iterator[InitErrorDetails]

_MAX_JOBS = 750
# https://docs.aws.amazon.com/sagemaker/latest/dg/ntm.html
_BUILTIN_GPUS = ("ml.p2.", "ml.p3.", "ml.g4dn.", "ml.g5.")
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
_WAIT_WITHOUT_CHECKPOINTS = 60


def conflicts(config: "EnvironmentConfig") -> list[InitErrorDetails]:
    """Return what is wrong with an environment of which each section is right."""
    checks: list[Callable[[EnvironmentConfig], _Conflicts]] = [_evaluation]
    if config.tuning.enabled:
        checks += [_tuning, _grid]
    if config.algorithm == "builtin":
        checks += [_builtin, _builtin_instances]
        if config.tuning.enabled:
            checks.append(_builtin_tuning)
    return [conflict for check in checks for conflict in check(config)]


def _conflict(key: str, value: Any, reason: str, allowed: str) -> InitErrorDetails:
    return InitErrorDetails(type=refuse(reason, allowed), loc=tuple(key.split(".")), input=value)


def _tuning(config: "EnvironmentConfig") -> _Conflicts:
    tuning, fixed = config.tuning, config.training.hyperparameters
    for name in tuning.ranges.to_ranges():
        value = getattr(fixed, name, None)
        if value is not None:
            allowed = f"nothing, or tuning.ranges.{name}: null, or tuning.enabled: false"
            yield _conflict(f"training.hyperparameters.{name}", value, "it is tuned", allowed)
    if fixed.epochs is not None and tuning.epochs > fixed.epochs:
        yield _conflict("tuning.epochs", tuning.epochs, "more than the final training has", f"{fixed.epochs} or less")
    if tuning.ranges.num_topics is not None and tuning.objective == "validation:total_loss":
        yield _conflict(
            "tuning.ranges.num_topics",
            str(tuning.ranges.num_topics),
            "losses with different numbers of topics do not compare",
            "null, or another tuning.objective, which algorithm: container has",
        )


def _grid(config: "EnvironmentConfig") -> _Conflicts:
    tuning = config.tuning
    if tuning.strategy != "grid":
        return
    ranges = tuning.ranges.to_ranges()
    listed = {name: range_ for name, range_ in ranges.items() if isinstance(range_, ListedValues)}
    for name in sorted(ranges.keys() - listed.keys()):
        value = str(getattr(tuning.ranges, name))
        yield _conflict(f"tuning.ranges.{name}", value, "strategy grid tries listed values", "values, or null")
    combinations = math.prod(len(range_.values) for range_ in listed.values())
    if "max_jobs" in tuning.model_fields_set:
        reason = f"strategy grid tries every combination, {combinations} here"
        yield _conflict("tuning.max_jobs", tuning.max_jobs, reason, "nothing")
    if combinations > _MAX_JOBS:
        reason = f"strategy grid has {combinations} combinations"
        yield _conflict("tuning.ranges", combinations, reason, f"{_MAX_JOBS} or less")


def _evaluation(config: "EnvironmentConfig") -> _Conflicts:
    if config.gate.wetc is not None and config.evaluation.word_vectors is None:
        yield _conflict("gate.wetc", config.gate.wetc, "there are no word vectors", "null, or evaluation.word_vectors")


def _builtin(config: "EnvironmentConfig") -> _Conflicts:
    if config.region not in ACCOUNTS:
        yield _conflict("region", config.region, "the built-in algorithm is not there", ", ".join(ACCOUNTS))
    for name in ("objective", "seed"):
        value = getattr(config.training.hyperparameters, name)
        if value is not None:
            key = f"training.hyperparameters.{name}"
            yield _conflict(key, value, "the built-in algorithm does not know it", "nothing, or algorithm: container")
    wait = config.training.max_spot_wait_minutes
    if wait is not None and wait > _WAIT_WITHOUT_CHECKPOINTS:
        key = "max_runtime_minutes" if config.training.max_wait_minutes is None else "max_wait_minutes"
        reason = "the built-in algorithm writes no checkpoints, and then SageMaker waits an hour for spare capacity"
        yield _conflict(f"training.{key}", wait, reason, f"{_WAIT_WITHOUT_CHECKPOINTS} or less, or spot: false")


def _builtin_instances(config: "EnvironmentConfig") -> _Conflicts:
    types = {"training.instance_type": config.training.instance_type}
    if config.tuning.enabled:
        types["tuning.instance_type"] = config.tuning.instance_type
    for key, instance_type in types.items():
        gpu = instance_type.startswith(("ml.p", "ml.g"))
        if gpu and not instance_type.startswith(_BUILTIN_GPUS):
            allowed = ", ".join(f"{family}*" for family in _BUILTIN_GPUS)
            yield _conflict(key, instance_type, "the built-in algorithm does not run on its GPU", allowed)


def _builtin_tuning(config: "EnvironmentConfig") -> _Conflicts:
    tuning = config.tuning
    once = "the built-in algorithm logs its objective once, at the end"
    if tuning.objective != "validation:total_loss":
        reason = "only our container logs it"
        yield _conflict("tuning.objective", tuning.objective, reason, "validation:total_loss, or algorithm: container")
    if tuning.early_stopping:
        yield _conflict("tuning.early_stopping", True, once, "false, or algorithm: container")
    if tuning.strategy == "hyperband":
        yield _conflict("tuning.strategy", tuning.strategy, once, "bayesian, random, grid, or algorithm: container")
