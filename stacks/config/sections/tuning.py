"""Hyperparameter tuning."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import GREATEST, GREATEST_FLOAT, Also, Section, Words, refuse
from stacks.config.sections.training import TrainingInstanceType, check_training_instance_type, check_wait
from stacks.config.sections.tuning_ranges import TuningRangesConfig

JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,31}$"), Words("name of a tuning job")]


class CompletionConfig(Section):
    """Criteria for ending tuning early."""

    target: float | None = Field(
        default=None,
        ge=-GREATEST_FLOAT,
        le=GREATEST_FLOAT,
        description="Value of the objective at which tuning stops.",
    )
    stop_after_jobs_without_improvement: int | None = Field(
        default=None,
        ge=3,
        le=100,
        description="Number of consecutive training jobs without improvement after which tuning stops.",
    )
    on_convergence: bool = Field(default=False, description="Stop when SageMaker expects no further improvement.")


class WarmStartConfig(Section):
    """Warm start from the results of an earlier tuning job."""

    from_job: JobName | None = Field(default=None, description="Name of the earlier tuning job. A run may override it.")
    type: Literal["identical_data", "transfer_learning"] = Field(
        default="identical_data", description="Whether data and algorithm are identical or only similar."
    )


class TuningConfig(Section):
    """Hyperparameter tuning job."""

    enabled: bool = Field(default=True, description="Tune hyperparameters. Otherwise, those of training apply.")
    strategy: Annotated[
        Literal["bayesian", "random", "hyperband", "grid"], Also("not hyperband with builtin or validation:wetc")
    ] = Field(default="bayesian", description="Search strategy.")
    objective: Annotated[
        Literal["validation:total_loss", "validation:npmi", "validation:tu", "validation:npmi_tu", "validation:wetc"],
        Also("the last only with `evaluation.word_vectors`; builtin supports only the first"),
    ] = Field(
        default="validation:total_loss",
        description="Objective metric: the loss, which is minimized, or a topic quality metric, which is maximized.",
    )
    max_jobs: Annotated[int, Also("not with grid")] = Field(
        default=20, ge=1, le=750, description="Maximum number of training jobs. With grid, the ranges determine it."
    )
    parallel_jobs: Annotated[int, Also("≤ `max_jobs`")] = Field(
        default=2, ge=1, le=100, validate_default=True, description="Maximum number of concurrent training jobs."
    )
    max_runtime_minutes: int | None = Field(
        default=None,
        ge=2,
        le=30 * 24 * 60,
        description="Time limit of the tuning job. The best training job so far is used.",
    )
    early_stopping: Annotated[bool, Also("false with hyperband, builtin or validation:wetc")] = Field(
        default=False, description="Stop unpromising training jobs early."
    )
    hyperband_min_epochs: Annotated[int, Also("< `epochs` with hyperband")] = Field(
        default=3,
        ge=1,
        le=GREATEST,
        description="Minimum number of epochs with Hyperband, which runs the best jobs up to tuning.epochs.",
    )
    random_seed: int = Field(default=0, ge=0, le=GREATEST, description="Random seed of the search.")
    allow_cpu: bool = Field(default=False, description="Allow an instance type without a GPU.")
    instance_type: TrainingInstanceType = Field(
        default="ml.g4dn.xlarge", description="Instance type of each training job."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of each training job's volume.")
    max_job_runtime_minutes: int = Field(
        default=60, ge=1, le=28 * 24 * 60, description="Time limit of each training job."
    )
    spot: bool = Field(default=False, description="Use managed spot training, which may be interrupted.")
    max_job_wait_minutes: (
        Annotated[int, Also("≥ `max_job_runtime_minutes`; ≤ 60 with builtin; only with `spot`")] | None
    ) = Field(
        default=None,
        ge=1,
        le=28 * 24 * 60,
        description="Time limit of a spot training job including interruptions. Defaults to max_job_runtime_minutes.",
    )
    epochs: Annotated[int, Also("≤ `training.hyperparameters.epochs`")] = Field(
        default=20,
        ge=1,
        le=GREATEST,
        validate_default=True,
        description="Maximum number of passes over the training data.",
    )
    sample: float = Field(
        default=1, gt=0, le=1, description="Share of the training data used in each epoch (NTM's sub_sample)."
    )
    cache_days: int = Field(
        default=0,
        ge=0,
        le=365,
        description="Maximum age of a cached result of an identical tuning job; 0 disables caching.",
    )
    completion: CompletionConfig = Field(default=CompletionConfig(), description="Criteria for ending tuning early.")
    warm_start: WarmStartConfig = Field(default=WarmStartConfig(), description="Warm start from an earlier tuning job.")
    ranges: TuningRangesConfig = Field(default=TuningRangesConfig(), description="Hyperparameter ranges.")

    @field_validator("instance_type")
    @classmethod
    def _trains_here(cls, instance_type: str, info: ValidationInfo) -> str:
        check_training_instance_type(instance_type, allow_cpu=info.data.get("allow_cpu", True), section="tuning")
        return instance_type

    @field_validator("max_job_wait_minutes")
    @classmethod
    def _waits_on_spot(cls, max_job_wait_minutes: int | None, info: ValidationInfo) -> int | None:
        check_wait(max_job_wait_minutes, info, "max_job_runtime_minutes")
        return max_job_wait_minutes

    @field_validator("parallel_jobs")
    @classmethod
    def _not_above_max_jobs(cls, parallel_jobs: int, info: ValidationInfo) -> int:
        greatest = info.data.get("max_jobs", parallel_jobs)
        if parallel_jobs > greatest and info.data.get("strategy") != "grid":
            raise refuse("it exceeds max_jobs", f"{greatest} or less")
        return parallel_jobs

    @field_validator("early_stopping")
    @classmethod
    def _not_twice(cls, early_stopping: bool, info: ValidationInfo) -> bool:
        if early_stopping and info.data.get("strategy") == "hyperband":
            raise refuse("strategy hyperband stops training jobs itself", "false")
        return early_stopping

    @field_validator("epochs")
    @classmethod
    def _vary(cls, epochs: int, info: ValidationInfo) -> int:
        least = info.data.get("hyperband_min_epochs", 0)
        if info.data.get("strategy") == "hyperband" and epochs <= least:
            raise refuse("strategy hyperband needs epochs to vary", f"more than hyperband_min_epochs, {least}")
        return epochs

    @property
    def max_spot_wait_minutes(self) -> int | None:
        """Time limit of a spot training job including interruptions; None for on-demand instances."""
        return (self.max_job_wait_minutes or self.max_job_runtime_minutes) if self.spot else None
