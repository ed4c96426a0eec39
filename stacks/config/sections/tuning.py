"""The section of tuning."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stacks.config.sections.base import Also, Section, Words, refuse
from stacks.config.sections.training import TrainingInstanceType, check_training_instance_type, check_wait
from stacks.config.sections.tuning_ranges import TuningRangesConfig

JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,31}$"), Words("name of a tuning job")]


class CompletionConfig(Section):
    """When tuning ends before its last training job."""

    target: float | None = Field(default=None, description="Value of the objective that is good enough.")
    stop_after_jobs_without_improvement: int | None = Field(
        default=None, ge=3, le=100, description="Training jobs in a row, none better than the best before, that end it."
    )
    on_convergence: bool = Field(default=False, description="Whether it ends where SageMaker expects no better ones.")


class WarmStartConfig(Section):
    """An earlier tuning job whose results a new one begins with."""

    from_job: JobName | None = Field(
        default=None, description="Name of the earlier tuning job; a run may say otherwise."
    )
    type: Literal["identical_data", "transfer_learning"] = Field(
        default="identical_data", description="Whether corpus and algorithm are the same, or only alike."
    )


class TuningConfig(Section):
    """The search for hyperparameters."""

    enabled: bool = Field(default=True, description="Whether hyperparameters are tuned; else training's count.")
    strategy: Annotated[
        Literal["bayesian", "random", "hyperband", "grid"], Also("not hyperband with builtin or validation:wetc")
    ] = Field(default="bayesian", description="How the next values are chosen.")
    objective: Annotated[
        Literal["validation:total_loss", "validation:npmi", "validation:tu", "validation:npmi_tu", "validation:wetc"],
        Also("the last with `evaluation.word_vectors` only; with builtin the first"),
    ] = Field(
        default="validation:total_loss",
        description="By which training jobs compare: the loss, the least, or a measure of topics, the greatest.",
    )
    max_jobs: Annotated[int, Also("not with grid")] = Field(
        default=20, ge=1, le=750, description="Training jobs at most; a grid has a number of its own."
    )
    parallel_jobs: Annotated[int, Also("≤ `max_jobs`")] = Field(
        default=2, ge=1, le=100, validate_default=True, description="Training jobs at one time."
    )
    max_runtime_minutes: int | None = Field(
        default=None, ge=2, le=30 * 24 * 60, description="Time after which tuning is stopped; the best so far counts."
    )
    early_stopping: Annotated[bool, Also("false with hyperband, builtin or validation:wetc")] = Field(
        default=False, description="Whether training jobs are stopped that will not be the best."
    )
    hyperband_min_epochs: Annotated[int, Also("< `epochs` with hyperband")] = Field(
        default=3, ge=1, description="Epochs that Hyperband gives every training job; it gives the best tuning.epochs."
    )
    random_seed: int = Field(default=0, ge=0, lt=2**32, description="Of the choice of values.")
    allow_cpu: bool = Field(default=False, description="Whether the instance may be one without a GPU.")
    instance_type: TrainingInstanceType = Field(
        default="ml.g4dn.xlarge", description="Instance type of each training job."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of each training job's volume.")
    max_job_runtime_minutes: int = Field(
        default=60, ge=1, le=28 * 24 * 60, description="Time after which a training job is stopped."
    )
    spot: bool = Field(
        default=False, description="Whether training jobs run on spare capacity, which may be interrupted."
    )
    max_job_wait_minutes: (
        Annotated[int, Also("≥ `max_job_runtime_minutes`; ≤ 60 with builtin; only with `spot`")] | None
    ) = Field(
        default=None,
        ge=1,
        le=28 * 24 * 60,
        description="Time after which a training job on spare capacity is stopped, its interruptions included; without "
        "it, that of max_job_runtime_minutes.",
    )
    epochs: Annotated[int, Also("≤ `training.hyperparameters.epochs`")] = Field(
        default=20, ge=1, validate_default=True, description="Greatest number of passes over the training data."
    )
    sample: float = Field(
        default=1, gt=0, le=1, description="Share of the training data that an epoch sees (NTM's sub_sample)."
    )
    cache_days: int = Field(
        default=0, ge=0, le=365, description="Age up to which a run takes the result of an equal tuning; 0 for never."
    )
    completion: CompletionConfig = Field(
        default=CompletionConfig(), description="When tuning ends before its last training job."
    )
    warm_start: WarmStartConfig = Field(
        default=WarmStartConfig(), description="An earlier tuning job whose results a new one begins with."
    )
    ranges: TuningRangesConfig = Field(
        default=TuningRangesConfig(), description="Where hyperparameters are looked for."
    )

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
            raise refuse("above max_jobs", f"{greatest} or less")
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
        """The time after which a training job on spare capacity is stopped; None on capacity of its own."""
        return (self.max_job_wait_minutes or self.max_job_runtime_minutes) if self.spot else None
