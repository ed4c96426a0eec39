"""Checks of instance types against the accelerators that the software uses."""

from collections.abc import Mapping

from constructs.common.instance_types import has_accelerator, has_gpu
from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# "NTM supports P2, P3, G4dn, and G5 GPU instance families for training and inference":
# https://docs.aws.amazon.com/sagemaker/latest/dg/ntm.html
_BUILTIN_GPUS = ("ml.p2.", "ml.p3.", "ml.g4dn.", "ml.g5.")
# Kepler and Volta. The image has the last PyTorch with code for Volta: https://github.com/pytorch/pytorch/issues/172352.
_OLD_GPUS = ("ml.p2.", "ml.p3.", "ml.p3dn.")
_CPU = "an instance type without an accelerator, for example ml.m5.xlarge"


def accelerator_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the instances whose accelerator would not be used, or would make a job fail."""
    training, serving = _training_types(config), _serving_types(config)
    evaluation = {"evaluation.instance_type": config.evaluation.instance_type}
    for key, instance_type in {**training, **serving}.items():
        if has_accelerator(instance_type) and not has_gpu(instance_type):
            yield conflict(key, instance_type, "neither algorithm uses its accelerator", _CPU)
    # The evaluation always runs in the project's container.
    yield from _unused(evaluation, "the evaluation runs on the CPU", _CPU)
    if config.algorithm == "builtin":
        yield from _unsupported({**training, **serving})
    else:
        yield from _too_old(training)
        gpus = {key: instance_type for key, instance_type in serving.items() if has_gpu(instance_type)}
        yield from _unused(gpus, "the container infers on the CPU", f"{_CPU}, or algorithm: builtin")


def _training_types(config: EnvironmentFields) -> Mapping[str, str]:
    types = {"training.instance_type": config.training.instance_type}
    return {**types, "tuning.instance_type": config.tuning.instance_type} if config.tuning.enabled else types


def _serving_types(config: EnvironmentFields) -> Mapping[str, str]:
    serving = config.serving
    types = {"vectorize.instance_type": config.vectorize.instance_type, "serving.instance_type": serving.instance_type}
    types |= {f"serving.variants.{i}.instance_type": one.instance_type for i, one in enumerate(serving.variants)}
    return {**types, "serving.shadow.instance_type": serving.shadow.instance_type} if serving.shadow else types


def _unused(types: Mapping[str, str], reason: str, allowed: str) -> Conflicts:
    for key, instance_type in types.items():
        if has_accelerator(instance_type):
            yield conflict(key, instance_type, f"{reason}, so its accelerator would be paid for nothing", allowed)


def _unsupported(types: Mapping[str, str]) -> Conflicts:
    for key, instance_type in types.items():
        if has_gpu(instance_type) and not instance_type.startswith(_BUILTIN_GPUS):
            allowed = ", ".join(f"{family}*" for family in _BUILTIN_GPUS)
            yield conflict(key, instance_type, "the built-in algorithm does not support its GPU", allowed)


def _too_old(types: Mapping[str, str]) -> Conflicts:
    for key, instance_type in types.items():
        if instance_type.startswith(_OLD_GPUS):
            reason = "PyTorch no longer supports its GPU, which is older than the Turing generation"
            allowed = "a newer GPU, for example ml.g4dn.xlarge, or algorithm: builtin"
            yield conflict(key, instance_type, reason, allowed)
