"""Run of a tuning job: starts training jobs, some in parallel, and evaluates them."""

from __future__ import annotations

import os
import queue
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from moto.core.exceptions import ServiceException

from localcloud.services.sagemaker.common.job_run import JobRun, failure_reason
from localcloud.services.sagemaker.training.record import LocalTrainingJob
from localcloud.services.sagemaker.training.run import Watch
from localcloud.services.sagemaker.tuning.plan import Plan
from localcloud.services.sagemaker.tuning.record import LocalTuningJob, TrialRecord
from localcloud.services.sagemaker.tuning.search import Search
from localcloud.services.sagemaker.tuning.stopping import Completion, is_hopeless

# SageMaker gives up after this many training jobs without a usable one.
_MOST_ATTEMPTS = 5

StartJob = Callable[[str, dict[str, str], Watch], LocalTrainingJob]
"""Starts a training job with a name, tuned hyperparameters and a watch."""


@dataclass
class _Trial:
    """A running training job, not yet reported to the search."""

    record: TrialRecord
    curve: dict[int, float] = field(default_factory=dict)


class TuningRun(JobRun):
    """A running tuning job.

    Args:
        job: Its record, kept up to date here.
        plan: Its plan.
        start_job: Starts a training job.
        stop_job: Asks a training job to stop, by name.
    """

    def __init__(
        self,
        job: LocalTuningJob,
        plan: Plan,
        start_job: StartJob,
        stop_job: Callable[[str], None],
    ):
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        super().__init__(job, wake=lambda: self._events.put(lambda: None))
        self._job = job
        self._plan = plan
        self._search = Search(plan, maximize=job.is_maximized)
        self._start_job = start_job
        self._stop_job = stop_job
        self._completion = Completion(job.hyper_parameter_tuning_job_config, plan.jobs)
        self._running: dict[int, _Trial] = {}
        self._completed_curves: list[dict[int, float]] = []
        self._started = 0
        self._cores = _cores()

    def run(self) -> None:
        """Run the job; its record holds the result."""
        failure = None
        self._job.announce()
        try:
            self._work()
        except ServiceException as refusal:
            failure = f"ClientError: {refusal.message}"
        except Exception as error:
            failure = failure_reason(error, self._job.hyper_parameter_tuning_job_name)
        self._stop_trials()
        with self._lock:
            if failure:
                self._job.finish("Failed", failure)
            else:
                self._finish()
        self._job.announce()

    def _work(self) -> None:
        for trial in self._job.earlier_trials:
            if trial.value is not None:
                self._search.remember({**trial.job.hyper_parameters, **trial.values}, trial.value)
        while not self._is_done:
            while self._started < self._plan.jobs and len(self._running) < self._slots:
                self._start_next()
            self._handle_next_event(self._completion.seconds_left)
        self._stop_trials()
        while self._running:
            self._handle_next_event(None)

    @property
    def _slots(self) -> int:
        return min(self._plan.parallel, self._plan.jobs, self._cores)

    @property
    def _is_done(self) -> bool:
        is_exhausted = self._started >= self._plan.jobs and not self._running
        return self._stop_requested or is_exhausted or self._completion.reached or self._is_hopeless

    @property
    def _is_hopeless(self) -> bool:
        """True if none of the first jobs was usable."""
        ended = [trial for trial in self._job.trials if trial.objective_status != "Pending"]
        return len(ended) >= _MOST_ATTEMPTS and all(trial.value is None for trial in ended)

    def _start_next(self) -> None:
        self._started += 1
        number = self._started
        values = self._search.propose(number)
        name = f"{self._job.hyper_parameter_tuning_job_name}-{number:03d}-{secrets.token_hex(4)}"
        watch = Watch(
            # Parallel jobs share the machine.
            environ={"OMP_NUM_THREADS": str(max(1, self._cores // self._slots))},
            on_metric=lambda metric, epoch, value: self._events.put(
                lambda: self._record_metric(number, metric, epoch, value)
            ),
            on_end=lambda: self._events.put(lambda: self._end(number)),
        )
        job = self._start_job(name, values, watch)
        record = TrialRecord(job, self._job.hyper_parameter_tuning_job_name, self._job.objective, values)
        self._running[number] = _Trial(record)
        self._job.trials.append(record)

    def _handle_next_event(self, seconds: float | None) -> None:
        """Wait up to ``seconds`` for the next event, and handle it."""
        try:
            self._events.get(timeout=None if seconds is None else max(0.0, seconds))()
        except queue.Empty:
            return
        self._job.tuning_job_completion_details = {
            "NumberOfTrainingJobsObjectiveNotImproving": self._completion.not_improving,
            **({"ConvergenceDetectedTime": self._completion.converged_at} if self._completion.converged_at else {}),
        }

    def _record_metric(self, number: int, metric: str, reported: int | None, value: float) -> None:
        """Record a metric of a trial; stop the trial if it is not worth continuing."""
        trial = self._running.get(number)
        if trial is None or metric != self._job.objective["MetricName"]:
            return
        last = max(trial.curve, default=0)
        epoch = last + 1 if reported is None else max(reported, last)
        is_new = epoch not in trial.curve  # Another host or the final model may report the same epoch again.
        trial.curve[epoch] = value
        if is_new and self._is_enough(number, trial, epoch):
            self._stop_job(trial.record.job.training_job_name)

    def _is_enough(self, number: int, trial: _Trial, epoch: int) -> bool:
        value, plan = trial.curve[epoch], self._plan
        if plan.epochs and epoch >= plan.epochs.most:
            return plan.epochs.cuts
        if plan.epochs:
            return self._search.should_stop(number, epoch, value)
        return plan.stops_early and is_hopeless(trial.curve, self._completed_curves, maximize=self._job.is_maximized)

    def _end(self, number: int) -> None:
        trial = self._running.pop(number)
        value = trial.record.value
        self._search.tell(number, value)
        self._completion.add(value)
        if trial.record.job.training_job_status == "Completed" and trial.curve:
            self._completed_curves.append(trial.curve)

    def _stop_trials(self) -> None:
        for trial in self._running.values():
            self._stop_job(trial.record.job.training_job_name)

    def _finish(self) -> None:
        trials = self._job.trials
        if self._stop_requested:
            self._job.finish("Stopped")
        elif any(trial.value is not None for trial in trials):
            self._job.finish("Completed")
        elif all(trial.job.training_job_status == "Failed" for trial in trials):
            self._job.finish(
                "Failed",
                f"No training job succeeded after {len(trials)} attempts. For additional details, please take a look "
                "at the training job failures by listing training jobs for the hyperparameter tuning job.",
            )
        else:
            self._job.finish(
                "Failed",
                f"No objective metrics found after running {len(trials)} training jobs. Please ensure that the custom "
                "algorithm is emitting the objective metric as defined by the regular expression provided.",
            )


def _cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
