"""The work of one tuning job: training jobs, one after another and next to each other, and what they come to."""

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

# After so many training jobs without one that is of use, SageMaker gives up.
_MOST_ATTEMPTS = 5

StartJob = Callable[[str, dict[str, str], Watch], LocalTrainingJob]
"""Makes a training job: its name, the hyperparameters that are tuned, who looks on."""


@dataclass
class _Trial:
    """A training job that is not told to the search yet."""

    record: TrialRecord
    curve: dict[int, float] = field(default_factory=dict)


class TuningRun(JobRun):
    """One tuning job at work.

    Args:
        job: its record, which this keeps true.
        plan: how it goes on.
        start_job: makes its training jobs.
        stop_job: asks one of them to stop, by name.
    """

    def __init__(
        self,
        job: LocalTuningJob,
        plan: Plan,
        start_job: StartJob,
        stop_job: Callable[[str], None],
    ):
        self._news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        super().__init__(job, wake=lambda: self._news.put(lambda: None))
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
        """Do the job; its record tells how it went."""
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
            self._take_news(self._completion.seconds_left)
        self._stop_trials()
        while self._running:
            self._take_news(None)

    @property
    def _slots(self) -> int:
        return min(self._plan.parallel, self._plan.jobs, self._cores)

    @property
    def _is_done(self) -> bool:
        is_exhausted = self._started >= self._plan.jobs and not self._running
        return self._stop_requested or is_exhausted or self._completion.reached or self._is_hopeless

    @property
    def _is_hopeless(self) -> bool:
        """Whether none of the first jobs was of use."""
        ended = [trial for trial in self._job.trials if trial.objective_status != "Pending"]
        return len(ended) >= _MOST_ATTEMPTS and all(trial.value is None for trial in ended)

    def _start_next(self) -> None:
        self._started += 1
        number = self._started
        values = self._search.propose(number)
        name = f"{self._job.hyper_parameter_tuning_job_name}-{number:03d}-{secrets.token_hex(4)}"
        watch = Watch(
            # The jobs that run next to each other share the machine.
            environ={"OMP_NUM_THREADS": str(max(1, self._cores // self._slots))},
            on_metric=lambda metric, epoch, value: self._news.put(lambda: self._hear(number, metric, epoch, value)),
            on_end=lambda: self._news.put(lambda: self._end(number)),
        )
        job = self._start_job(name, values, watch)
        record = TrialRecord(job, self._job.hyper_parameter_tuning_job_name, self._job.objective, values)
        self._running[number] = _Trial(record)
        self._job.trials.append(record)

    def _take_news(self, seconds: float | None) -> None:
        """Wait for what happens next, no longer than ``seconds``, and deal with it."""
        try:
            self._news.get(timeout=None if seconds is None else max(0.0, seconds))()
        except queue.Empty:
            return
        self._job.tuning_job_completion_details = {
            "NumberOfTrainingJobsObjectiveNotImproving": self._completion.not_improving,
            **({"ConvergenceDetectedTime": self._completion.converged_at} if self._completion.converged_at else {}),
        }

    def _hear(self, number: int, metric: str, told: int | None, value: float) -> None:
        """Take a metric of a trial; the trial is stopped if it is not worth going on."""
        trial = self._running.get(number)
        if trial is None or metric != self._job.objective["MetricName"]:
            return
        last = max(trial.curve, default=0)
        epoch = last + 1 if told is None else max(told, last)
        is_news = epoch not in trial.curve  # Another host's value, or the final model's, may be of the same epoch.
        trial.curve[epoch] = value
        if is_news and self._is_enough(number, trial, epoch):
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
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
