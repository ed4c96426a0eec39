"""Checks of hyperparameter tuning."""

import math

from constructs.pipeline.tuning_search import ListedValues, combinations
from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

_MAX_JOBS = 750


def tuning_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts of an enabled tuning job."""
    yield from _hyperparameters(config)
    yield from _wetc(config)
    if config.tuning.strategy == "grid":
        yield from _grid(config)
    else:
        yield from _combinations(config)
    yield from _warm_start(config)


def _hyperparameters(config: EnvironmentFields) -> Conflicts:
    tuning, fixed = config.tuning, config.training.hyperparameters
    for name in tuning.ranges.to_ranges():
        value = getattr(fixed, name, None)
        if value is not None:
            allowed = f"no value, or tuning.ranges.{name}: null, or tuning.enabled: false"
            yield conflict(f"training.hyperparameters.{name}", value, "it is tuned", allowed)
    if fixed.epochs is not None and tuning.epochs > fixed.epochs:
        yield conflict(
            "tuning.epochs", tuning.epochs, "it exceeds the final training's epochs", f"{fixed.epochs} or less"
        )
    if tuning.ranges.num_topics is not None and tuning.objective == "validation:total_loss":
        yield conflict(
            "tuning.ranges.num_topics",
            str(tuning.ranges.num_topics),
            "losses for different numbers of topics are not comparable",
            "null, or another tuning.objective, with algorithm: container",
        )


def _wetc(config: EnvironmentFields) -> Conflicts:
    tuning, once = config.tuning, "validation:wetc is logged only once, at the end"
    if tuning.objective != "validation:wetc":
        return
    if config.evaluation.word_vectors is None:
        allowed = "another objective, or evaluation.word_vectors"
        yield conflict("tuning.objective", tuning.objective, "there are no word vectors", allowed)
    if tuning.early_stopping:
        yield conflict("tuning.early_stopping", True, once, "false, or another tuning.objective")
    if tuning.strategy == "hyperband":
        yield conflict("tuning.strategy", tuning.strategy, once, "another strategy, or another tuning.objective")


def _grid(config: EnvironmentFields) -> Conflicts:
    tuning = config.tuning
    ranges = tuning.ranges.to_ranges()
    listed = {name: range_ for name, range_ in ranges.items() if isinstance(range_, ListedValues)}
    for name in sorted(ranges.keys() - listed.keys()):
        value = str(getattr(tuning.ranges, name))
        yield conflict(f"tuning.ranges.{name}", value, "strategy grid needs a list of values", "values, or null")
    tried = math.prod(len(range_.values) for range_ in listed.values())
    if "max_jobs" in tuning.model_fields_set:
        reason = f"strategy grid tries every combination, {tried} here"
        yield conflict("tuning.max_jobs", tuning.max_jobs, reason, "no value")
    if tuning.parallel_jobs > tried:
        reason = f"it exceeds the number of training jobs: strategy grid has {tried} combinations"
        yield conflict("tuning.parallel_jobs", tuning.parallel_jobs, reason, f"{tried} or less")
    if tried > _MAX_JOBS:
        reason = f"strategy grid has {tried} combinations"
        yield conflict("tuning.ranges", tried, reason, f"{_MAX_JOBS} or less")


def _combinations(config: EnvironmentFields) -> Conflicts:
    """Return the conflict between the number of training jobs and that of different combinations.

    SageMaker rejects such a job: https://github.com/aws/amazon-sagemaker-operator-for-k8s/issues/123.
    """
    tuning = config.tuning
    there_are = combinations(tuning.ranges.to_ranges())
    if tuning.max_jobs > there_are:
        reason = f"the ranges have only {there_are:.0f} combinations of values"
        allowed = f"{there_are:.0f} or less, more values in tuning.ranges, or tuning.strategy: grid"
        yield conflict("tuning.max_jobs", tuning.max_jobs, reason, allowed)


def _warm_start(config: EnvironmentFields) -> Conflicts:
    """Return the conflict between the strategy and a warm start.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html: "Hyperparameter tuning
    uses either Bayesian or random search".
    """
    tuning = config.tuning
    if tuning.warm_start.from_job and tuning.strategy not in ("bayesian", "random"):
        reason = f"strategy {tuning.strategy} does not use the results of an earlier job"
        yield conflict("tuning.warm_start.from_job", tuning.warm_start.from_job, reason, "null, or another strategy")
