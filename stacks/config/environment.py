"""Typed configuration of an environment, with the checks that involve several fields."""

from typing import Self

from pydantic import ValidationError, ValidationInfo, model_validator

from stacks.config.checks.conflicts import conflicts
from stacks.config.sections.environment import EnvironmentFields


class EnvironmentConfig(EnvironmentFields):
    """Deployment of Topicsmith, as described in ``environments/<name>.yaml``."""

    @model_validator(mode="after")
    def _check_conflicts(self, info: ValidationInfo) -> Self:
        name = info.context["name"] if info.context else None
        # A plain error raised here would not name a key.
        if found := conflicts(self, name):
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self
