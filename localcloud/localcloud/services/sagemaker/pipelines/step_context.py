"""What a step of a pipeline has to work with, and how it ends but for success."""

import random
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession

_LONGEST_JOB_NAME = 63
_SUFFIX_LENGTH = 10
# What is left of a step's name in the name of a tuning job, which may have 32 characters.
_SHORT_STEP_NAME = 8


class StepFailed(LocalCloudError):
    """The step failed; the message is its failure reason.

    Attributes:
        exception_type: what a retry policy may name; ``None`` for a failure that another attempt would not mend.
    """

    def __init__(self, reason: str, exception_type: str | None = None):
        super().__init__(reason)
        self.exception_type = exception_type


class StepStopped(LocalCloudError):
    """The step was stopped."""


@dataclass
class StepContext:
    """One step at work.

    Attributes:
        definition: the step as the pipeline has it.
        arguments: its ``Arguments``, with every reference resolved.
        execution_id: of the pipeline execution.
        execution_arn: of the pipeline execution.
        session: the pipeline's role.
        stopping: set when the execution is asked to stop.
        metadata: what ListPipelineExecutionSteps tells; the step fills it as soon as it knows.
    """

    definition: Mapping[str, Any]
    arguments: dict[str, Any]
    execution_id: str
    execution_arn: str
    session: RoleSession
    stopping: threading.Event
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def job_name(self) -> str:
        """A new name for the step's job or model, ``pipelines-<execution>-<step>-<random>``."""
        return self._named(f"pipelines-{self.execution_id}-", _LONGEST_JOB_NAME)

    @property
    def short_job_name(self) -> str:
        """A new name for the step's tuning job, ``<execution>-<step>-<random>``."""
        prefix = f"{self.execution_id}-"
        return self._named(prefix, len(prefix) + _SHORT_STEP_NAME + 1 + _SUFFIX_LENGTH)

    def _named(self, prefix: str, longest: int) -> str:
        suffix = "".join(random.choices(string.ascii_letters + string.digits, k=_SUFFIX_LENGTH))
        step = self.definition["Name"].replace("_", "-")[: longest - len(prefix) - len(suffix) - 1]
        return f"{prefix}{step.rstrip('-')}-{suffix}"


StepType = Callable[[StepContext], Mapping[str, Any]]
"""Does a step and returns its properties, to which ``Steps.<name>.…`` refers."""
