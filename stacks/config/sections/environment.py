"""Fields of ``environments/*.yaml``, with types, limits, defaults and descriptions.

The limits are AWS's own; values outside them would otherwise fail hours later, in a deployment or a job. Each section
has its own module. ``make env-docs`` generates docs/environments.md and environments/schema.json from the fields.
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

from constructs.pipeline.jobs import RUN_TAG
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
        raise refuse("unknown SageMaker region", ", ".join(_regions()))
    return region


def _a_number(days: object) -> object:
    # In Python, bool is a subclass of int.
    if isinstance(days, bool):
        raise refuse("not a number of days", "a number, for example 30")
    return days


# For budgets and roles, and on the jobs of a run: SageMaker rejects a request with a key twice.
_OUR_TAGS = ("project", "environment", RUN_TAG)


def _any_case(text: str) -> str:
    """Return a regular expression for JSON Schema, which has no flags."""
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in text)


def _not_reserved(tag_key: str) -> str:
    if tag_key.lower().startswith("aws:"):
        raise refuse("AWS reserves keys with this prefix", "keys that do not begin with aws:")
    if tag_key.lower() in _OUR_TAGS:
        raise refuse("Topicsmith sets this tag itself", "other keys")
    return tag_key


def _different_to_iam(tags: dict[str, str]) -> dict[str, str]:
    # IAM's tag keys are case-insensitive: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html.
    spelled: dict[str, list[str]] = {}
    for key in tags:
        spelled.setdefault(key.lower(), []).append(key)
    if twice := [" and ".join(keys) for keys in spelled.values() if len(keys) > 1]:
        raise refuse(f"{', '.join(twice)} differ only in case, which IAM ignores", "different keys")
    return tags


def _not_reserved_as_value(tag_value: str) -> str:
    # IAM reserves the prefix in values, too.
    if tag_value.lower().startswith("aws:"):
        raise refuse("AWS reserves values with this prefix", "values that do not begin with aws:")
    return tag_value


def _together(tags: dict[str, str]) -> dict[str, str]:
    size = sum(len(text.encode()) for tag in tags.items() for text in tag)
    if size > _MOST_BYTES_OF_TAGS:
        raise refuse(
            f"{size} bytes in total, which every resource and job repeats: a template or the pipeline's definition "
            "would be too large",
            f"at most {_MOST_BYTES_OF_TAGS} bytes of keys and values in UTF-8",
        )
    return tags


# A template has at most 1 MB. A stack has up to 200 resources, and the definition 10 jobs.
_MOST_BYTES_OF_TAGS = 2048
# Letters of all languages, which JSON Schema's regular expressions cannot express. See
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html.
_TAG_CHARACTERS = r"^[\p{L}\p{Z}\p{N}_.:/=+@-]*$"
_RESERVED = f"^({_any_case('aws:')}|({'|'.join(map(_any_case, _OUR_TAGS))})$)"
TagKey = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=_TAG_CHARACTERS),
    AfterValidator(_not_reserved),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "not": {"pattern": _RESERVED}}),
]
# 255 is the limit of repositories, the smallest of all services, in CloudFormation's schema.
TagValue = Annotated[
    str,
    Field(max_length=255, pattern=_TAG_CHARACTERS),
    AfterValidator(_not_reserved_as_value),
    WithJsonSchema({"type": "string", "maxLength": 255, "not": {"pattern": "^[aA][wW][sS]:"}}),
]


# Of the account or of AWS, in a path or not.
_POLICY = r"^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/)?([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$"


class EnvironmentFields(Section):
    """Configuration of one deployment."""

    account: Annotated[str, Field(pattern=r"^[0-9]{12}$"), Words("twelve digits, in quotes")] | None = Field(
        default=None, description="AWS account, in quotes. Defaults to the account of the deploying credentials."
    )
    region: Annotated[
        str, AfterValidator(_known_region), OneOf(_regions), Words("a SageMaker region, for example eu-central-1")
    ] = Field(description="AWS region.")
    production: Annotated[bool, Also("required if the environment's name begins with prod")] = Field(
        default=False,
        description="Marks a production environment. Settings suitable only for experiments are rejected.",
    )
    termination_protection: Annotated[bool, Also("true in production")] = Field(
        default=True, description="Protect the stacks from deletion."
    )
    log_retention_days: Annotated[LogRetentionDays, BeforeValidator(_a_number), Also("≥ 30 in production")] = Field(
        default=30, description="Log retention of the Lambda functions."
    )
    tags: Annotated[
        dict[TagKey, TagValue],
        AfterValidator(_different_to_iam),
        AfterValidator(_together),
        Words(f"map of at most 40 entries; keys ≤ 128, values ≤ 255 characters, without {', '.join(_OUR_TAGS)}"),
        Also("≤ 2,048 bytes in total"),
    ] = Field(default={}, max_length=40, description="Additional tags on every resource and job.")
    permissions_boundary: (
        Annotated[
            str,
            Field(pattern=_POLICY, max_length=512),
            Words("ARN or name of a managed policy of the account"),
        ]
        | None
    ) = Field(default=None, description="Permissions boundary of every role of the environment.")
    algorithm: Literal["container", "builtin"] = Field(
        default="container",
        description="Algorithm for training and serving: this project's container, or SageMaker's built-in NTM.",
    )
    data: DataConfig = Field(default=DataConfig(), description="The data bucket.")
    network: NetworkConfig = Field(default=NetworkConfig(), description="Network of jobs, models and functions.")
    preprocessing: PreprocessingConfig = Field(default=PreprocessingConfig(), description="Preprocessing of raw text.")
    tuning: TuningConfig = Field(default=TuningConfig(), description="Hyperparameter tuning.")
    training: TrainingConfig = Field(default=TrainingConfig(), description="The training job.")
    evaluation: EvaluationConfig = Field(default=EvaluationConfig(), description="The evaluation of a model.")
    gate: GateConfig = Field(default=GateConfig(), description="Quality gate for registration.")
    vectorize: VectorizeConfig = Field(default=VectorizeConfig(), description="Batch transform of the whole corpus.")
    retries: RetriesConfig = Field(default=RetriesConfig(), description="Retries.")
    triggers: TriggersConfig = Field(default=TriggersConfig(), description="Automatic starts of runs.")
    notifications: NotificationsConfig = Field(default=NotificationsConfig(), description="Email notifications.")
    serving: ServingConfig = Field(default=ServingConfig(), description="The endpoint.")
    promotion: PromotionConfig = Field(
        default=PromotionConfig(), description="Promotion of models from another environment."
    )
    alarms: AlarmsConfig = Field(default=AlarmsConfig(), description="CloudWatch alarms.")
    budget: BudgetConfig = Field(default=BudgetConfig(), description="Cost budget.")
    http_api: HttpApiConfig = Field(default=HttpApiConfig(), description="HTTP API in front of the endpoint.")
