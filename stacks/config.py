"""What ``environments/*.yaml`` may say: every key with its type, its limits, its default and what it means.

The limits are those of the platform; what is outside them would fail hours later in a deployment or a job. Each section
has a module in ``config_sections``.
"""

from functools import cache
from typing import Annotated, Literal

import botocore.session
from pydantic import AfterValidator, Field, ValidationError, model_validator

from stacks.config_sections.automation import NotificationsConfig, RetriesConfig, TriggersConfig
from stacks.config_sections.base import Section, refuse
from stacks.config_sections.conflicts import conflicts
from stacks.config_sections.data import DataConfig
from stacks.config_sections.evaluation import EvaluationConfig, GateConfig, VectorizeConfig
from stacks.config_sections.http_api import HttpApiConfig
from stacks.config_sections.monitoring import AlarmsConfig, BudgetConfig
from stacks.config_sections.preprocessing import PreprocessingConfig
from stacks.config_sections.serving import ServingConfig
from stacks.config_sections.training import TrainingConfig
from stacks.config_sections.tuning import TuningConfig

LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


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
        raise refuse("SageMaker has no such region", ", ".join(_regions()))
    return region


def _not_reserved(tag_key: str) -> str:
    if tag_key.lower().startswith("aws:"):
        raise refuse("keys with this prefix are AWS's own", "keys that do not begin with aws:")
    return tag_key


_TAG_CHARACTERS = r"^[\w\s.:/=+@-]*$"
TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=_TAG_CHARACTERS), AfterValidator(_not_reserved)]
TagValue = Annotated[str, Field(max_length=256, pattern=_TAG_CHARACTERS)]


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
        default={}, max_length=40, description="Tags on every resource and job, beside project and environment."
    )
    algorithm: Literal["container", "builtin"] = Field(
        default="container", description="What trains and serves: this project's container, or SageMaker's own NTM."
    )
    data: DataConfig = Field(default=DataConfig(), description="The data bucket.")
    preprocessing: PreprocessingConfig = Field(default=PreprocessingConfig(), description="Preprocessing of raw text.")
    tuning: TuningConfig = Field(default=TuningConfig(), description="The search for hyperparameters.")
    training: TrainingConfig = Field(default=TrainingConfig(), description="The training job.")
    evaluation: EvaluationConfig = Field(default=EvaluationConfig(), description="The evaluation of a model.")
    gate: GateConfig = Field(default=GateConfig(), description="What a model must reach to be registered.")
    vectorize: VectorizeConfig = Field(default=VectorizeConfig(), description="Batch transform of the whole corpus.")
    retries: RetriesConfig = Field(default=RetriesConfig(), description="What is tried again.")
    triggers: TriggersConfig = Field(default=TriggersConfig(), description="What starts runs without a person.")
    notifications: NotificationsConfig = Field(
        default=NotificationsConfig(), description="Who is told of runs that fail or are rejected."
    )
    serving: ServingConfig = Field(default=ServingConfig(), description="The endpoint.")
    alarms: AlarmsConfig = Field(default=AlarmsConfig(), description="What is an alarm.")
    budget: BudgetConfig = Field(default=BudgetConfig(), description="What the environment may cost.")
    http_api: HttpApiConfig = Field(default=HttpApiConfig(), description="An HTTP API in front of the endpoint.")

    @model_validator(mode="after")
    def _agree(self) -> "EnvironmentConfig":
        # An error of the model itself would name no key.
        if found := conflicts(self):
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self
