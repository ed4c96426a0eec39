"""What ``environments/*.yaml`` may say: every key with its type, its limits, its default and what it means.

The limits are those of the platform; what is outside them would fail hours later in a deployment or a job.
"""

from functools import cache
from typing import Annotated, Literal

import botocore.session
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from constructs.instance_types import has_gpu, hosting_instance_types, is_arm, training_instance_types

LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


def _refuse(reason: str, allowed: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{reason}; allowed: {allowed}", {"reason": reason, "allowed": allowed})


@cache
def _regions() -> tuple[str, ...]:
    session = botocore.session.Session()
    return tuple(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition)
    )


def _known_region(region: str) -> str:
    if region not in _regions():
        raise _refuse("SageMaker has no such region", ", ".join(_regions()))
    return region


def _not_reserved(tag_key: str) -> str:
    if tag_key.lower().startswith("aws:"):
        raise _refuse("keys with this prefix are AWS's own", "keys that do not begin with aws:")
    return tag_key


def _check_instance_type(instance_type: str, use: str, existing: tuple[str, ...]) -> None:
    """Refuse a type that does not exist for the use, and name the nearest that do: its family, or all families."""
    usable = [name for name in existing if not is_arm(name)]
    if instance_type in usable:
        return
    if instance_type in existing:
        raise _refuse("its processor is an Arm one and the image is for x86", "for example ml.m5.large")
    family = instance_type.rpartition(".")[0] + "."
    sizes = [name for name in usable if name.startswith(family)]
    families = sorted({name.rpartition(".")[0] + ".*" for name in usable})
    raise _refuse(f"no such instance type for {use}", ", ".join(sizes or families))


class Section(BaseModel):
    """A part of an environment: immutable, with no key but its own, and no value converted from another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Column = Annotated[str, Field(pattern=r"^[^,]*[^,\s][^,]*$")]
_TAG_CHARACTERS = r"^[\w\s.:/=+@-]*$"
TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=_TAG_CHARACTERS), AfterValidator(_not_reserved)]
TagValue = Annotated[str, Field(max_length=256, pattern=_TAG_CHARACTERS)]


class DataConfig(Section):
    """The bucket that holds corpora, bags of words and models."""

    removal: Literal["retain", "destroy"] = Field(
        default="retain", description="What becomes of the bucket, its objects and its key when the stack is deleted."
    )
    expire_runs_after_days: int = Field(
        default=90, ge=1, description="Age at which a run's bags of words are deleted; its model is kept."
    )
    expire_old_versions_after_days: int = Field(
        default=30, ge=1, description="Time for which an overwritten or deleted object can be brought back."
    )
    expire_access_logs_after_days: int = Field(
        default=365, ge=1, description="Age at which the bucket's access logs are deleted."
    )


class PreprocessingConfig(Section):
    """From raw text to bags of words: the defaults of a run, and the function that does it."""

    text_columns: tuple[Column, ...] = Field(
        default=("text",),
        strict=False,
        description="Columns whose texts make a document, joined in this order; a run may say otherwise.",
    )
    id_column: str = Field(
        default="id",
        description="Column that names a document, or nothing: its place in the file does; a run may say otherwise.",
    )
    vocabulary_size: int = Field(
        default=5000, ge=2, le=1_000_000, description="Words kept at most, the most frequent first (NTM's feature_dim)."
    )
    min_document_frequency: int = Field(
        default=5, ge=1, description="Words that fewer documents than this contain are left out."
    )
    max_document_share: float = Field(
        default=0.5, gt=0, le=1, description="Words that a greater share of the documents contains are left out."
    )
    min_word_length: int = Field(default=3, ge=1, le=50, description="Shorter words are left out.")
    stop_words: Literal["english", "none"] = Field(default="english", description="The list of words to leave out.")
    validation_share: float = Field(default=0.1, gt=0, lt=0.5, description="Share of the documents that validates.")
    test_share: float = Field(default=0.1, gt=0, lt=0.5, description="Share of the documents that is held out.")
    memory_mb: int = Field(
        default=3008, ge=128, le=10_240, description="Memory of the function; it gets processor time in proportion."
    )

    @field_validator("text_columns")
    @classmethod
    def _different(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if not columns or len(set(columns)) < len(columns):
            raise _refuse("no column, or one twice", "one or more different columns")
        return columns


class Hyperparameters(Section):
    """SageMaker NTM's hyperparameters under its own names and limits; one that is not given is not sent.

    ``objective`` and ``seed`` are our container's own; ``feature_dim`` comes from preprocessing and ``num_topics`` from
    the run. See https://docs.aws.amazon.com/sagemaker/latest/dg/ntm_hyperparameters.html.
    """

    batch_norm: bool | None = Field(default=None, description="Whether layers are batch normalized.")
    clip_gradient: float | None = Field(default=None, ge=1e-3, description="Greatest magnitude of a gradient.")
    encoder_layers: str | None = Field(
        default=None, pattern=r"^(auto|[1-9]\d*(,[1-9]\d*)*)$", description="Sizes of the encoder's layers, or auto."
    )
    encoder_layers_activation: Literal["sigmoid", "tanh", "relu"] | None = Field(
        default=None, description="Activation of the encoder's layers."
    )
    epochs: int | None = Field(default=None, ge=1, description="Greatest number of passes over the training data.")
    learning_rate: float | None = Field(default=None, ge=1e-6, le=1, description="Step size of the optimizer.")
    mini_batch_size: int | None = Field(default=None, ge=1, le=10_000, description="Documents in a step, per host.")
    num_patience_epochs: int | None = Field(
        default=None, ge=1, description="Epochs without progress after which training stops."
    )
    objective: Literal["topics", "elbo"] | None = Field(
        default=None, description="What is minimised: for good topics, or the built-in's loss and nothing else."
    )
    optimizer: Literal["sgd", "adam", "adagrad", "adadelta", "rmsprop"] | None = Field(
        default=None, description="The optimizer."
    )
    rescale_gradient: float | None = Field(default=None, ge=1e-3, le=1, description="Factor on the gradient.")
    seed: int | None = Field(default=None, ge=0, lt=2**32, description="Of all that is random.")
    sub_sample: float | None = Field(
        default=None, ge=0, le=1, description="Share of the training data that an epoch sees."
    )
    tolerance: float | None = Field(
        default=None, ge=1e-6, le=0.1, description="Decrease of the loss that counts as progress."
    )
    weight_decay: float | None = Field(default=None, ge=0, le=1, description="Weight of the L2 penalty.")

    def to_request(self) -> dict[str, str]:
        """Return what was given as ``CreateTrainingJob`` takes it: every value a string."""
        given = self.model_dump(exclude_none=True)
        return {name: str(value).lower() for name, value in given.items()}


class TrainingConfig(Section):
    """The training job."""

    allow_cpu: bool = Field(default=False, description="Whether the instance may be one without a GPU.")
    instance_type: str = Field(default="ml.g5.xlarge", description="Instance type of the training job.")
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of the volume for data and model.")
    max_runtime_minutes: int = Field(
        default=60, ge=1, le=28 * 24 * 60, description="Time after which the training job is stopped."
    )
    num_topics: int = Field(default=20, ge=2, le=1000, description="Number of topics; a run may say otherwise.")
    hyperparameters: Hyperparameters = Field(
        default=Hyperparameters(), description="NTM's hyperparameters; the algorithm's defaults for those left out."
    )

    @field_validator("instance_type")
    @classmethod
    def _trains_here(cls, instance_type: str, info: ValidationInfo) -> str:
        _check_instance_type(instance_type, "training", training_instance_types())
        if not has_gpu(instance_type) and info.data.get("allow_cpu") is False:
            raise _refuse("has no GPU", "for example ml.g5.xlarge, or any with training.allow_cpu: true")
        return instance_type


class ServingConfig(Section):
    """The endpoint and its autoscaling."""

    instance_type: str = Field(default="ml.m5.large", description="Instance type of the endpoint.")
    min_instances: int = Field(default=1, ge=1, description="Least number of instances.")
    max_instances: int = Field(default=2, ge=1, validate_default=True, description="Greatest number of instances.")
    invocations_per_instance: int = Field(
        default=600, ge=1, description="Requests a minute and instance that autoscaling keeps to."
    )
    scale_in_cooldown_seconds: int = Field(default=300, ge=0, description="Pause after instances were removed.")
    scale_out_cooldown_seconds: int = Field(default=60, ge=0, description="Pause after instances were added.")
    model_package: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package/\S{1,2048}$",
        description="ARN of the model package to serve; without it, approving a model serves it.",
    )

    @field_validator("instance_type")
    @classmethod
    def _serves_here(cls, instance_type: str) -> str:
        _check_instance_type(instance_type, "endpoints", hosting_instance_types())
        if instance_type.startswith("ml.t2."):
            raise _refuse("autoscaling does not take burstable instances", "for example ml.m5.large")
        return instance_type

    @field_validator("max_instances")
    @classmethod
    def _not_below_min(cls, max_instances: int, info: ValidationInfo) -> int:
        least = info.data.get("min_instances", 1)
        if max_instances < least:
            raise _refuse("below min_instances", f"{least} or more")
        return max_instances


class EnvironmentConfig(Section):
    """All that distinguishes one deployment from another."""

    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = Field(
        default=None, description="AWS account, in quotes; without it, that of the credentials which deploy."
    )
    region: Annotated[str, AfterValidator(_known_region)] = Field(description="AWS region.")
    termination_protection: bool = Field(
        default=True, description="Whether CloudFormation refuses to delete the stacks."
    )
    log_retention_days: LogRetentionDays = Field(
        default=30, description="Age at which the functions' log lines are deleted."
    )
    tags: dict[TagKey, TagValue] = Field(
        default={}, max_length=40, description="Tags on every resource, beside project and environment."
    )
    data: DataConfig = Field(default=DataConfig(), description="The data bucket.")
    preprocessing: PreprocessingConfig = Field(default=PreprocessingConfig(), description="Preprocessing of raw text.")
    training: TrainingConfig = Field(default=TrainingConfig(), description="The training job.")
    serving: ServingConfig = Field(default=ServingConfig(), description="The endpoint.")
