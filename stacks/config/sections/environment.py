"""What ``environments/*.yaml`` may say: every key with its type, its limits, its default and what it means.

The limits are those of the platform; what is outside them would fail hours later in a deployment or a job. Each section
has a module in ``stacks/config/sections``. ``make env-docs`` writes docs/environments.md and environments/schema.json
from it.
"""

from functools import cache
from typing import Annotated, Literal

import botocore.session
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
)

from stacks.config.sections.automation import NotificationsConfig, RetriesConfig, TriggersConfig
from stacks.config.sections.base import Also, OneOf, Section, Words, refuse
from stacks.config.sections.data import DataConfig
from stacks.config.sections.evaluation import EvaluationConfig, GateConfig, VectorizeConfig
from stacks.config.sections.http_api import HttpApiConfig
from stacks.config.sections.monitoring import AlarmsConfig, BudgetConfig
from stacks.config.sections.network import NetworkConfig
from stacks.config.sections.preprocessing import PreprocessingConfig
from stacks.config.sections.promotion import PromotionConfig
from stacks.config.sections.serving import ServingConfig
from stacks.config.sections.training import TrainingConfig
from stacks.config.sections.tuning import TuningConfig

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


def _a_number(days: object) -> object:
    # To Python, true is one of the numbers.
    if isinstance(days, bool):
        raise refuse("no number of days", "a number, for example 30")
    return days


def _not_reserved(tag_key: str) -> str:
    if tag_key.lower().startswith("aws:"):
        raise refuse("keys with this prefix are AWS's own", "keys that do not begin with aws:")
    if tag_key.lower() in ("project", "environment"):
        raise refuse("everything has this tag, by which budgets and roles know it", "other keys")
    return tag_key


def _different_to_iam(tags: dict[str, str]) -> dict[str, str]:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html: a role has no two keys that differ in case alone.
    spelled: dict[str, list[str]] = {}
    for key in tags:
        spelled.setdefault(key.lower(), []).append(key)
    if twice := [" and ".join(keys) for keys in spelled.values() if len(keys) > 1]:
        raise refuse(f"{', '.join(twice)} differ in case alone, and are one to IAM", "different keys")
    return tags


# The letters of all languages, which the regular expressions of JSON Schema cannot say.
_TAG_CHARACTERS = r"^[\w\s.:/=+@-]*$"
_RESERVED = "^([aA][wW][sS]:|[pP][rR][oO][jJ][eE][cC][tT]$|[eE][nN][vV][iI][rR][oO][nN][mM][eE][nN][tT]$)"
TagKey = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=_TAG_CHARACTERS),
    AfterValidator(_not_reserved),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "not": {"pattern": _RESERVED}}),
]
TagValue = Annotated[
    str, Field(max_length=256, pattern=_TAG_CHARACTERS), WithJsonSchema({"type": "string", "maxLength": 256})
]


class EnvironmentFields(Section):
    """All that distinguishes one deployment from another."""

    account: Annotated[str, Field(pattern=r"^[0-9]{12}$"), Words("twelve digits, in quotes")] | None = Field(
        default=None, description="AWS account, in quotes; without it, that of the credentials which deploy."
    )
    region: Annotated[
        str, AfterValidator(_known_region), OneOf(_regions), Words("a region of SageMaker, for example eu-central-1")
    ] = Field(description="AWS region.")
    production: Annotated[bool, Also("must be said where the environment's name begins with prod")] = Field(
        default=False, description="Whether users depend on it; what is fit only for trials is then refused."
    )
    termination_protection: Annotated[bool, Also("true in production")] = Field(
        default=True, description="Whether CloudFormation refuses to delete the stacks."
    )
    log_retention_days: Annotated[LogRetentionDays, BeforeValidator(_a_number), Also("≥ 30 in production")] = Field(
        default=30, description="Age at which the functions' log lines are deleted."
    )
    tags: Annotated[
        dict[TagKey, TagValue],
        AfterValidator(_different_to_iam),
        Words("map; keys ≤ 128, values ≤ 256 characters, at most 40, without project and environment"),
    ] = Field(default={}, max_length=40, description="Tags on every resource and job, beside project and environment.")
    algorithm: Literal["container", "builtin"] = Field(
        default="container", description="What trains and serves: this project's container, or SageMaker's own NTM."
    )
    data: DataConfig = Field(default=DataConfig(), description="The data bucket.")
    network: NetworkConfig = Field(default=NetworkConfig(), description="Where jobs, models and functions run.")
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
    promotion: PromotionConfig = Field(
        default=PromotionConfig(), description="Whose models come here without being trained again."
    )
    alarms: AlarmsConfig = Field(default=AlarmsConfig(), description="What is an alarm.")
    budget: BudgetConfig = Field(default=BudgetConfig(), description="What the environment may cost.")
    http_api: HttpApiConfig = Field(default=HttpApiConfig(), description="An HTTP API in front of the endpoint.")
