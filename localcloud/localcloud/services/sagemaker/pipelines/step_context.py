"""Context of a running step, and its ends other than success."""

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
# Characters of the step's name in a tuning job's name, which is limited to 32.
_SHORT_STEP_NAME = 8


class StepFailed(LocalCloudError):
    """The step failed; the message is its failure reason.

    Attributes:
        exception_type: Exception type for retry policies; None if a retry would not help.
    """

    def __init__(self, reason: str, exception_type: str | None = None):
        super().__init__(reason)
        self.exception_type = exception_type


class StepStopped(LocalCloudError):
    """The step was stopped."""


@dataclass
class StepContext:
    """Context of a running step.

    Attributes:
        definition: The step's definition.
        arguments: Its ``Arguments``, with all references resolved.
        execution_id: Id of the pipeline execution.
        execution_arn: ARN of the pipeline execution.
        session: Session of the pipeline's role.
        stopping: Set when the execution is asked to stop.
        metadata: Metadata of ListPipelineExecutionSteps, filled in by the step as early as possible.
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
        """New name for the step's job or model, ``pipelines-<execution>-<step>-<random>``."""
        return self._named(f"pipelines-{self.execution_id}-", _LONGEST_JOB_NAME)

    @property
    def short_job_name(self) -> str:
        """New name for the step's tuning job, ``<execution>-<step>-<random>``."""
        prefix = f"{self.execution_id}-"
        return self._named(prefix, len(prefix) + _SHORT_STEP_NAME + 1 + _SUFFIX_LENGTH)

    def _named(self, prefix: str, longest: int) -> str:
        suffix = "".join(random.choices(string.ascii_letters + string.digits, k=_SUFFIX_LENGTH))
        step = self.definition["Name"].replace("_", "-")[: longest - len(prefix) - len(suffix) - 1]
        return f"{prefix}{step.rstrip('-')}-{suffix}"


StepType = Callable[[StepContext], Mapping[str, Any]]
"""Runs a step and returns its properties, for ``Steps.<name>.…``."""
