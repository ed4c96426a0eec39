"""The section of the training job."""

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
    Words("x86 instance types that SageMaker trains on"),
    Also("with a GPU unless `allow_cpu`"),
]
RescaleGradient = Annotated[float, Field(ge=1e-3, le=1)]
WeightDecay = Annotated[float, Field(ge=0, le=1)]


class Hyperparameters(Section):
    """SageMaker NTM's hyperparameters under its own names and limits.

    One that is left out and not tuned is not sent: the algorithm's default counts. `feature_dim` comes from
    preprocessing, and `num_topics` from the run. `objective` and `seed` are this project's container's.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/ntm_hyperparameters.html.
    """

    batch_norm: bool | None = Field(default=None, description="Whether layers are batch normalized.")
    clip_gradient: float | None = Field(default=None, ge=1e-3, description="Greatest magnitude of a gradient.")
    encoder_layers: Annotated[str, Words("`auto`, or sizes like `100,50`")] | None = Field(
        default=None,
        pattern=r"^(auto|[1-9][0-9]*(,[1-9][0-9]*)*)$",
        description="Sizes of the encoder's layers, or auto.",
    )
    encoder_layers_activation: Activation | None = Field(
        default=None, description="Activation of the encoder's layers."
    )
    epochs: int | None = Field(default=None, ge=1, description="Greatest number of passes over the training data.")
    learning_rate: LearningRate | None = Field(default=None, description="Step size of the optimizer.")
    mini_batch_size: MiniBatchSize | None = Field(default=None, description="Documents in a step, per host.")
    num_patience_epochs: int | None = Field(
        default=None, ge=1, description="Epochs without progress after which training stops."
    )
    objective: Annotated[Literal["topics", "elbo"], Also("not with builtin")] | None = Field(
        default=None, description="What is minimised: for good topics, or the built-in's loss and nothing else."
    )
    optimizer: Optimizer | None = Field(default=None, description="The optimizer.")
    rescale_gradient: RescaleGradient | None = Field(default=None, description="Factor on the gradient.")
    seed: Annotated[int, Also("not with builtin")] | None = Field(
        default=None, ge=0, lt=2**32, description="Of all that is random."
    )
    sub_sample: float | None = Field(
        default=None, ge=0, le=1, description="Share of the training data that an epoch sees."
    )
    tolerance: float | None = Field(
        default=None, ge=1e-6, le=0.1, description="Decrease of the loss that counts as progress."
    )
    weight_decay: WeightDecay | None = Field(default=None, description="Weight of the L2 penalty.")

    def to_request(self) -> dict[str, str]:
        """Return what was given as ``CreateTrainingJob`` takes it: every value a string."""
        given = self.model_dump(exclude_none=True)
        return {name: str(value).lower() for name, value in given.items()}


class TrainingConfig(Section):
    """The training job."""

    allow_cpu: bool = Field(default=False, description="Whether the instance may be one without a GPU.")
    instance_type: TrainingInstanceType = Field(
        default="ml.g5.xlarge", description="Instance type of the training job."
    )
    instance_count: int = Field(
        default=1, ge=1, le=20, description="Hosts that train one model, each on its part of the training data."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of the volume for data and model.")
    max_runtime_minutes: int = Field(
        default=60, ge=1, le=28 * 24 * 60, description="Time after which the training job is stopped."
    )
    spot: bool = Field(default=False, description="Whether it trains on spare capacity, which may be interrupted.")
    max_wait_minutes: Annotated[int, Also("≥ `max_runtime_minutes`; ≤ 60 with builtin; only with `spot`")] | None = (
        Field(
            default=None,
            ge=1,
            le=28 * 24 * 60,
            description="Time after which a job on spare capacity is stopped, its interruptions included; without it, "
            "that of max_runtime_minutes.",
        )
    )
    num_topics: NumTopics = Field(default=20, description="Number of topics; a run may say otherwise.")
    hyperparameters: Hyperparameters = Field(
        default=Hyperparameters(), description="NTM's hyperparameters; the algorithm's defaults for those left out."
    )

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
        """The time after which a job on spare capacity is stopped; None on capacity of one's own."""
        return (self.max_wait_minutes or self.max_runtime_minutes) if self.spot else None


def check_wait(minutes: int | None, info: ValidationInfo, max_runtime: str) -> None:
    """Refuse a wait for spare capacity where there is none, or one that is shorter than the job may take.

    Args:
        minutes: the wait.
        info: what else the section says.
        max_runtime: the key of the time that the job may take.

    Raises:
        PydanticCustomError: with what is allowed.
    """
    if minutes is None:
        return
    if info.data.get("spot") is False:
        raise refuse("nothing is waited for on capacity of one's own", "nothing, or spot: true")
    least = info.data.get(max_runtime, 1)
    if minutes < least:
        raise refuse(f"below {max_runtime}", f"{least} or more")


def check_training_instance_type(instance_type: str, *, allow_cpu: bool, section: str) -> None:
    """Refuse an instance type that does not train, or has no GPU although it must.

    Raises:
        PydanticCustomError: with what is allowed.
    """
    check_instance_type(instance_type, "training", training_instance_types())
    if not has_gpu(instance_type) and not allow_cpu:
        raise refuse("has no GPU", f"for example ml.g5.xlarge, or any with {section}.allow_cpu: true")
