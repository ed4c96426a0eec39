"""Checks of the jobs' volumes."""

from constructs.common.local_storage import local_storage_gb
from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields
from stacks.config.sections.evaluation import EvaluationConfig
from stacks.config.sections.training import TrainingConfig
from stacks.config.sections.tuning import TuningConfig


def volume_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts between the size of a volume and the instance's local storage, which takes its place.

    See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTuningResourceConfig.html and
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingClusterConfig.html.
    """
    jobs: dict[str, TrainingConfig | TuningConfig | EvaluationConfig] = {
        "training": config.training,
        "evaluation": config.evaluation,
    }
    if config.tuning.enabled:
        jobs["tuning"] = config.tuning
    for name, job in jobs.items():
        there_is = local_storage_gb(job.instance_type)
        if there_is is not None and job.volume_gb > there_is:
            reason = f"{job.instance_type} has {there_is} GB of local storage in place of a volume"
            yield conflict(f"{name}.volume_gb", job.volume_gb, reason, f"{there_is} or less, or another instance type")
