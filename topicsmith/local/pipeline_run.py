"""One pipeline execution at work: steps start when what they need is there."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from topicsmith.local.pipeline_expressions import ExpressionError, evaluate, referenced_steps
from topicsmith.local.pipeline_steps import StepContext, StepFailed, StepStopped, run_step

if TYPE_CHECKING:
    from topicsmith.local.identity import RoleSession
    from topicsmith.local.pipelines import LocalPipelineExecution

logger = logging.getLogger(__name__)

FAILURE_REASON = "Step failure: One or multiple steps failed."
_LONGEST_REASON = 3072


class DefinitionError(Exception):
    """The steps of a pipeline definition do not fit together."""


@dataclass
class StepRecord:
    """One step of an execution that started, as ListPipelineExecutionSteps tells it."""

    definition: Mapping[str, Any]
    start_time: datetime = field(default_factory=utcnow)
    end_time: datetime | None = None
    status: str = "Executing"
    failure_reason: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def end(self, status: str, failure_reason: str | None = None) -> None:
        """Set the step's last status."""
        self.end_time = utcnow()
        self.failure_reason = failure_reason and failure_reason[:_LONGEST_REASON]
        self.status = status

    def describe(self, *, stopping: bool) -> dict[str, Any]:
        """Return the members of a ``PipelineExecutionStep``; ``stopping`` is whether the execution is."""
        described = {
            "StepName": self.definition["Name"],
            "StepDisplayName": self.definition.get("DisplayName"),
            "StepDescription": self.definition.get("Description"),
            "StartTime": self.start_time,
            "EndTime": self.end_time,
            "StepStatus": "Stopping" if stopping and self.status == "Executing" else self.status,
            "AttemptCount": 1,
            "FailureReason": self.failure_reason,
            "Metadata": self.metadata or None,
        }
        return {name: value for name, value in described.items() if value is not None}


def dependencies(steps: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the names of the steps that each step waits for: those it depends on and those it refers to.

    Raises:
        DefinitionError: a name is used twice, a step waits for one that does not exist, or for itself.
    """
    names = [step["Name"] for step in steps]
    if len(set(names)) < len(names):
        raise DefinitionError(f"Step names must be unique; they are {', '.join(names)}.")
    waits = {step["Name"]: {*step.get("DependsOn", []), *referenced_steps(step)} for step in steps}
    for name, needed in waits.items():
        if unknown := needed - set(names):
            raise DefinitionError(f"Step {name!r} refers to {', '.join(sorted(unknown))}, which is not a step.")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        raise DefinitionError(f"Steps wait for each other: {' → '.join(error.args[1])}.") from None
    return waits


class PipelineRun:
    """Runs the steps of one execution.

    Args:
        execution: its record, which this keeps true.
        steps: the definition's steps.
        parameters: the values of the pipeline's parameters.
        session: the pipeline's role.
    """

    def __init__(
        self,
        execution: LocalPipelineExecution,
        steps: list[dict[str, Any]],
        parameters: dict[str, Any],
        session: RoleSession,
    ):
        self._execution = execution
        self._steps = {step["Name"]: step for step in steps}
        self._waits = dependencies(steps)
        self._session = session
        self._scope: dict[str, Any] = {
            "Parameters": parameters,
            "Execution": execution.variables,
            "Steps": {},
        }
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended: queue.SimpleQueue[StepRecord] = queue.SimpleQueue()

    def request_stop(self) -> None:
        """Ask the execution to stop: no further step starts, those at work are stopped."""
        with self._lock:
            if self._execution.pipeline_execution_status != "Executing":
                return
            self._execution.set_status("Stopping")
        self._stopping.set()

    def run(self) -> None:
        """Run the steps to the end; the execution's record tells how it went."""
        waiting = dict(self._waits)
        limit = int((self._execution.parallelism_configuration or {}).get("MaxParallelExecutionSteps", len(waiting)))
        running = failed = 0
        while True:
            ready = [name for name, needed in waiting.items() if needed <= self._scope["Steps"].keys()]
            if not failed and not self._stopping.is_set():
                for name in ready[: limit - running]:
                    del waiting[name]
                    self._start(self._steps[name])
                    running += 1
            if not running:
                break
            failed += self._ended.get().status == "Failed"
            running -= 1
        with self._lock:
            if self._stopping.is_set():
                self._execution.set_status("Stopped")
            elif failed:
                self._execution.set_status("Failed", FAILURE_REASON)
            else:
                self._execution.set_status("Succeeded")

    def _start(self, step: dict[str, Any]) -> None:
        record = StepRecord(step)
        self._execution.steps.append(record)
        name = f"{self._execution.execution_id} {step['Name']}"
        threading.Thread(target=self._work, args=(record,), name=name, daemon=True).start()

    def _work(self, record: StepRecord) -> None:
        name = record.definition["Name"]
        try:
            arguments = evaluate(record.definition.get("Arguments", {}), self._scope)
            context = StepContext(
                definition=record.definition,
                arguments=arguments,
                execution_id=self._execution.execution_id,
                execution_arn=self._execution.arn,
                session=self._session,
                stopping=self._stopping,
                metadata=record.metadata,
            )
            self._scope["Steps"][name] = run_step(context)
        except StepStopped:
            record.end("Stopped")
        except (StepFailed, ExpressionError) as failure:
            record.end("Failed", str(failure))
        except Exception as error:
            logger.exception("Step %s of %s broke", name, self._execution.arn)
            record.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        else:
            record.end("Succeeded")
        finally:
            self._ended.put(record)
