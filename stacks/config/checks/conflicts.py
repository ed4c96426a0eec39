"""Checks for conflicts between sections of an environment."""

from collections.abc import Callable

from pydantic_core import InitErrorDetails

from constructs.pipeline.builtin_image import ACCOUNTS
from stacks.config.checks.monitoring import monitoring_conflicts
from stacks.config.checks.network import network_conflicts
from stacks.config.checks.production import production_conflicts, production_unset
from stacks.config.checks.regions import region_conflicts
from stacks.config.checks.serving import serving_conflicts
from stacks.config.checks.tuning import tuning_conflicts
from stacks.config.checks.volumes import volume_conflicts
from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# https://docs.aws.amazon.com/sagemaker/latest/dg/ntm.html
_BUILTIN_GPUS = ("ml.p2.", "ml.p3.", "ml.g4dn.", "ml.g5.")
# Kepler. The training image's PyTorch for CUDA 12.8 begins with Volta: https://github.com/pytorch/pytorch/pull/175253.
_OLD_GPUS = ("ml.p2.",)
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
_WAIT_WITHOUT_CHECKPOINTS = 60


def conflicts(config: EnvironmentFields, name: str | None = None) -> list[InitErrorDetails]:
    """Return the conflicts between sections that are valid on their own.

    Args:
        config: Fields of the environment.
        name: Name of the environment, if it has one.
    """
    checks: list[Callable[[EnvironmentFields], Conflicts]] = [
        _evaluation,
        serving_conflicts,
        monitoring_conflicts,
        _boundary,
        network_conflicts,
        region_conflicts,
        volume_conflicts,
    ]
    if config.production:
        checks.append(production_conflicts)
    if config.promotion.source:
        checks.append(_promotion)
    if config.tuning.enabled:
        checks.append(tuning_conflicts)
    if config.algorithm == "container":
        checks.append(_container_instances)
    else:
        checks += [_builtin, _builtin_instances]
        if config.tuning.enabled:
            checks.append(_builtin_tuning)
    return [*production_unset(config, name or ""), *(found for check in checks for found in check(config))]


def _boundary(config: EnvironmentFields) -> Conflicts:
    policy = config.permissions_boundary or ""
    owner = policy.split(":")[4] if policy.startswith("arn:") else "aws"
    if config.account is not None and owner not in (config.account, "aws"):
        reason = "a boundary is a policy of the role's own account"
        yield conflict("permissions_boundary", policy, reason, f"a policy of account {config.account}, or of AWS")


def _promotion(config: EnvironmentFields) -> Conflicts:
    method = config.promotion.method
    if method == "register" and config.serving.model_package:
        reason = "serving.model_package pins the served model, so registered copies would never be served"
        yield conflict("promotion.method", method, reason, "pin, or serving.model_package: null")


def _evaluation(config: EnvironmentFields) -> Conflicts:
    if config.gate.wetc is not None and config.evaluation.word_vectors is None:
        yield conflict("gate.wetc", config.gate.wetc, "there are no word vectors", "null, or evaluation.word_vectors")


def _builtin(config: EnvironmentFields) -> Conflicts:
    if config.region not in ACCOUNTS:
        yield conflict("region", config.region, "the built-in algorithm is not available there", ", ".join(ACCOUNTS))
    for name in ("objective", "seed"):
        value = getattr(config.training.hyperparameters, name)
        if value is not None:
            key = f"training.hyperparameters.{name}"
            yield conflict(
                key, value, "the built-in algorithm does not support it", "no value, or algorithm: container"
            )
    training = config.training
    key = "max_runtime_minutes" if training.max_wait_minutes is None else "max_wait_minutes"
    yield from _builtin_wait(f"training.{key}", training.max_spot_wait_minutes)


def _builtin_wait(key: str, minutes: int | None) -> Conflicts:
    if minutes is not None and minutes > _WAIT_WITHOUT_CHECKPOINTS:
        reason = "the built-in algorithm writes no checkpoints, and SageMaker then limits the wait for spot to one hour"
        yield conflict(key, minutes, reason, f"{_WAIT_WITHOUT_CHECKPOINTS} or less, or spot: false")


def _training_types(config: EnvironmentFields) -> dict[str, str]:
    types = {"training.instance_type": config.training.instance_type}
    return {**types, "tuning.instance_type": config.tuning.instance_type} if config.tuning.enabled else types


def _container_instances(config: EnvironmentFields) -> Conflicts:
    for key, instance_type in _training_types(config).items():
        if instance_type.startswith(_OLD_GPUS):
            reason = "PyTorch's build for CUDA 12 has no code for its GPU, which is older than the Volta generation"
            allowed = "a newer GPU, for example ml.g4dn.xlarge, or algorithm: builtin"
            yield conflict(key, instance_type, reason, allowed)


def _builtin_instances(config: EnvironmentFields) -> Conflicts:
    for key, instance_type in _training_types(config).items():
        gpu = instance_type.startswith(("ml.p", "ml.g"))
        if gpu and not instance_type.startswith(_BUILTIN_GPUS):
            allowed = ", ".join(f"{family}*" for family in _BUILTIN_GPUS)
            yield conflict(key, instance_type, "the built-in algorithm does not support its GPU", allowed)


def _builtin_tuning(config: EnvironmentFields) -> Conflicts:
    tuning = config.tuning
    once = "the built-in algorithm logs its objective only once, at the end"
    if tuning.objective != "validation:total_loss":
        reason = "only the project's container logs it"
        yield conflict("tuning.objective", tuning.objective, reason, "validation:total_loss, or algorithm: container")
    if tuning.early_stopping:
        yield conflict("tuning.early_stopping", True, once, "false, or algorithm: container")
    if tuning.strategy == "hyperband":
        yield conflict("tuning.strategy", tuning.strategy, once, "bayesian, random, grid, or algorithm: container")
    key = "max_job_runtime_minutes" if tuning.max_job_wait_minutes is None else "max_job_wait_minutes"
    yield from _builtin_wait(f"tuning.{key}", tuning.max_spot_wait_minutes)
