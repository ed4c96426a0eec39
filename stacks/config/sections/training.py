"""Training job."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from constructs.common.instance_types import has_gpu, training_instance_types
from stacks.config.sections.base import Also, OneOf, Section, Words, check_instance_type, refuse, runs_our_image

Activation = Literal["sigmoid", "tanh", "relu"]
LearningRate = Annotated[float, Field(ge=1e-6, le=1)]
MiniBatchSize = Annotated[int, Field(ge=1, le=10_000)]
NumTopics = Annotated[int, Field(ge=2, le=1000)]
Optimizer = Literal["sgd", "adam", "adagrad", "adadelta", "rmsprop"]
TrainingInstanceType = Annotated[
    str,
    OneOf(lambda: runs_our_image(training_instance_types())),
    Words("x86 instance types of SageMaker training"),
    Also("with a GPU unless `allow_cpu`"),
]
RescaleGradient = Annotated[float, Field(ge=1e-3, le=1)]
WeightDecay = Annotated[float, Field(ge=0, le=1)]


class Hyperparameters(Section):
    """Hyperparameters of SageMaker's NTM, under its own names and limits.

    A hyperparameter that is neither set nor tuned has the algorithm's default. `feature_dim` comes from preprocessing
    and `num_topics` from the run. `objective` and `seed` are supported only by this project's container.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/ntm_hyperparameters.html.
    """

    batch_norm: bool | None = Field(default=None, description="Use batch normalization.")
    clip_gradient: float | None = Field(default=None, ge=1e-3, description="Maximum magnitude of a gradient.")
    encoder_layers: Annotated[str, Words("`auto`, or sizes like `100,50`")] | None = Field(
        default=None,
        pattern=r"^(auto|[1-9][0-9]*(,[1-9][0-9]*)*)$",
        max_length=2500,
        description="Sizes of the encoder's layers, or auto.",
    )
    encoder_layers_activation: Activation | None = Field(
        default=None, description="Activation of the encoder's layers."
    )
    epochs: int | None = Field(default=None, ge=1, description="Maximum number of passes over the training data.")
    learning_rate: LearningRate | None = Field(default=None, description="Learning rate of the optimizer.")
    mini_batch_size: MiniBatchSize | None = Field(default=None, description="Batch size per host.")
    num_patience_epochs: int | None = Field(
        default=None, ge=1, description="Number of epochs without progress after which training stops."
    )
    objective: Annotated[Literal["topics", "elbo"], Also("not with builtin")] | None = Field(
        default=None,
        description="Training objective: topics (optimizes topic quality) or elbo (the built-in algorithm's loss).",
    )
    optimizer: Optimizer | None = Field(default=None, description="Optimizer.")
    rescale_gradient: RescaleGradient | None = Field(default=None, description="Factor applied to gradients.")
    seed: Annotated[int, Also("not with builtin")] | None = Field(
        default=None, ge=0, lt=2**32, description="Random seed."
    )
    sub_sample: float | None = Field(
        default=None, ge=0, le=1, description="Share of the training data used in each epoch."
    )
    tolerance: float | None = Field(
        default=None, ge=1e-6, le=0.1, description="Minimum decrease of the loss that counts as progress."
    )
    weight_decay: WeightDecay | None = Field(default=None, description="Weight of the L2 penalty.")

    def to_request(self) -> dict[str, str]:
        """Return the hyperparameters that are set, as strings for ``CreateTrainingJob``."""
        given = self.model_dump(exclude_none=True)
        return {name: str(value).lower() for name, value in given.items()}


class TrainingConfig(Section):
    """Training job."""

    allow_cpu: bool = Field(default=False, description="Allow an instance type without a GPU.")
    instance_type: TrainingInstanceType = Field(
        default="ml.g5.xlarge", description="Instance type of the training job."
    )
    instance_count: int = Field(
        default=1, ge=1, le=20, description="Number of hosts, each training on its part of the data."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of the volume.")
    max_runtime_minutes: int = Field(default=60, ge=1, le=28 * 24 * 60, description="Time limit of the training job.")
    spot: bool = Field(default=False, description="Use managed spot training, which may be interrupted.")
    max_wait_minutes: Annotated[int, Also("≥ `max_runtime_minutes`; ≤ 60 with builtin; only with `spot`")] | None = (
        Field(
            default=None,
            ge=1,
            le=28 * 24 * 60,
            description="Time limit of a spot job including interruptions. Defaults to max_runtime_minutes.",
        )
    )
    num_topics: NumTopics = Field(default=20, description="Number of topics. A run may override it.")
    hyperparameters: Hyperparameters = Field(default=Hyperparameters(), description="Hyperparameters of NTM.")

    @field_validator("instance_type")
    @classmethod
    def _trains_here(cls, instance_type: str, info: ValidationInfo) -> str:
        check_training_instance_type(instance_type, allow_cpu=info.data.get("allow_cpu", True), section="training")
        return instance_type

    @field_validator("max_wait_minutes")
    @classmethod
    def _waits_on_spot(cls, max_wait_minutes: int | None, info: ValidationInfo) -> int | None:
        check_wait(max_wait_minutes, info, "max_runtime_minutes")
        return max_wait_minutes

    @property
    def max_spot_wait_minutes(self) -> int | None:
        """Time limit of a spot job including interruptions; None for on-demand instances."""
        return (self.max_wait_minutes or self.max_runtime_minutes) if self.spot else None


def check_wait(minutes: int | None, info: ValidationInfo, max_runtime: str) -> None:
    """Reject a spot time limit without spot, or one shorter than the maximum runtime.

    Args:
        minutes: Time limit including interruptions.
        info: Other values of the section.
        max_runtime: Key of the maximum runtime.

    Raises:
        PydanticCustomError: The value is not allowed.
    """
    if minutes is None:
        return
    if info.data.get("spot") is False:
        raise refuse("it applies only to spot jobs", "no value, or spot: true")
    least = info.data.get(max_runtime, 1)
    if minutes < least:
        raise refuse(f"it is less than {max_runtime}", f"{least} or more")


def check_training_instance_type(instance_type: str, *, allow_cpu: bool, section: str) -> None:
    """Reject an instance type that cannot train, or that lacks a required GPU.

    Raises:
        PydanticCustomError: The instance type is not allowed.
    """
    check_instance_type(instance_type, "training", training_instance_types())
    if not has_gpu(instance_type) and not allow_cpu:
        raise refuse("it has no GPU", f"for example ml.g5.xlarge, or any with {section}.allow_cpu: true")
