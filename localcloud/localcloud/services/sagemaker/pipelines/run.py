"""Run of a pipeline execution: starts each step when its dependencies have ended."""

from __future__ import annotations

import copy
import logging
import queue
import threading
from collections.abc import Mapping
from typing import Any

from moto.core.utils import utcnow

from localcloud.core.role_sessions import RoleSession
from localcloud.services.sagemaker.pipelines.cache import CachedStep, StepCache
from localcloud.services.sagemaker.pipelines.documents import Documents
from localcloud.services.sagemaker.pipelines.expressions import ExpressionError, evaluate
from localcloud.services.sagemaker.pipelines.graph import PlannedStep
from localcloud.services.sagemaker.pipelines.record import LocalPipelineExecution
from localcloud.services.sagemaker.pipelines.retries import Retries
from localcloud.services.sagemaker.pipelines.step_context import StepContext, StepFailed, StepStopped
from localcloud.services.sagemaker.pipelines.step_record import StepRecord
from localcloud.services.sagemaker.pipelines.steps import run_step

logger = logging.getLogger(__name__)

FAILURE_REASON = "Step failure: One or multiple steps failed."


class PipelineRun:
    """Run of one execution.

    Args:
        execution: Its record, kept up to date here.
        steps: Steps of the definition, by name.
        parameters: Values of the pipeline's parameters.
        session: Session of the pipeline's role.
        cache: Step cache of the pipeline.
        done: Properties of the steps that already succeeded and are not run again.
    """

    def __init__(
        self,
        execution: LocalPipelineExecution,
        steps: Mapping[str, PlannedStep],
        parameters: dict[str, Any],
        session: RoleSession,
        cache: StepCache,
        done: Mapping[str, Mapping[str, Any]] | None = None,
    ):
        done = dict(done or {})
        self._execution = execution
        self._steps = steps
        self._waiting = {name: step for name, step in steps.items() if name not in done}
        self._skipped: set[str] = set()
        self._session = session
        self._cache = cache
        self._scope: dict[str, Any] = {
            "Parameters": parameters,
            "Execution": execution.variables,
            "Steps": done,
            "Documents": Documents(session),
        }
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended: queue.SimpleQueue[tuple[StepRecord, Mapping[str, Any] | None]] = queue.SimpleQueue()

    def again(self, session: RoleSession) -> PipelineRun:
        """Return a run of the steps that failed, were stopped or were not reached; the others keep their results.

        Args:
            session: A new session of the pipeline's role.
        """
        parameters, done = self._scope["Parameters"], self._scope["Steps"]
        return PipelineRun(self._execution, self._steps, parameters, session, self._cache, done)

    def request_stop(self) -> None:
        """Ask the execution to stop: start no more steps and stop the running ones."""
        with self._lock:
            if self._execution.pipeline_execution_status != "Executing":
                return
            self._execution.set_status("Stopping")
            self._stopping.set()

    def run(self) -> None:
        """Run all steps; the execution's record holds the result."""
        limit = int(
            (self._execution.parallelism_configuration or {}).get("MaxParallelExecutionSteps", len(self._waiting))
        )
        running = failed = 0
        while True:
            if not failed and not self._stopping.is_set():
                for step in self._ready()[: limit - running]:
                    del self._waiting[step.name]
                    self._start(step)
                    running += 1
            if not running:
                break
            record, properties = self._ended.get()
            if properties is not None:
                self._scope["Steps"][record.definition["Name"]] = properties
            failed += record.status == "Failed"
            running -= 1
        with self._lock:
            if self._stopping.is_set():
                self._execution.set_status("Stopped")
            elif failed:
                self._execution.set_status("Failed", FAILURE_REASON)
            else:
                self._execution.set_status("Succeeded")

    def _ready(self) -> list[PlannedStep]:
        """Return the steps without pending dependencies; drop those in branches not taken."""
        skipped = [step for step in self._waiting.values() if self._is_skipped(step)]
        while skipped:
            for step in skipped:
                del self._waiting[step.name]
                self._skipped.add(step.name)
            skipped = [step for step in self._waiting.values() if self._is_skipped(step)]
        return [step for step in self._waiting.values() if step.waits <= self._scope["Steps"].keys()]

    def _is_skipped(self, step: PlannedStep) -> bool:
        if step.waits & self._skipped:
            return True
        decision = self._scope["Steps"].get(step.branch.condition) if step.branch else None
        return step.branch is not None and decision is not None and decision["Outcome"] != str(step.branch.outcome)

    def _start(self, step: PlannedStep) -> None:
        record = StepRecord(step.definition, self._execution.arn)
        self._execution.steps.append(record)
        name = f"{self._execution.execution_id} {step.name}"
        threading.Thread(target=self._work, args=(step, record), name=name, daemon=True).start()

    def _work(self, step: PlannedStep, record: StepRecord) -> None:
        properties: Mapping[str, Any] | None = None
        try:
            arguments = evaluate(step.arguments, self._scope)
            cached = self._cache.find(step.definition, arguments)
            if cached:
                record.cached_from = cached.execution_arn
                record.metadata.update(cached.metadata)
                properties = cached.properties
            else:
                properties = self._attempt(step, record, arguments)
                kept = CachedStep(self._execution.arn, utcnow(), properties, record.metadata)
                self._cache.keep(step.definition, arguments, kept)
        except StepStopped:
            record.end("Stopped")
        except (StepFailed, ExpressionError) as failure:
            record.end("Failed", str(failure))
        except Exception as error:
            logger.exception("Step %s of %s failed unexpectedly", step.name, self._execution.arn)
            record.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        else:
            record.end("Succeeded")
        finally:
            self._ended.put((record, properties))

    def _attempt(self, step: PlannedStep, record: StepRecord, arguments: Any) -> Mapping[str, Any]:
        """Run a step with its retries; each attempt is a new job."""
        retries = Retries(step.definition.get("RetryPolicies"))
        while True:
            context = StepContext(
                definition=step.definition,
                arguments=copy.deepcopy(arguments),
                execution_id=self._execution.execution_id,
                execution_arn=self._execution.arn,
                session=self._session,
                stopping=self._stopping,
                metadata=record.metadata,
            )
            try:
                return run_step(context)
            except StepFailed as failure:
                wait = retries.wait_after(failure.exception_type)
                if wait is None:
                    raise
                logger.warning("Step %s of %s is retried in %g s: %s", step.name, self._execution.arn, wait, failure)
                if self._stopping.wait(wait):
                    raise StepStopped from failure
                record.attempts += 1
