"""Progress of a run's steps: trials of a tuning job, metrics of a training job, the gate's verdict."""

from collections.abc import Callable

from topicsmith.core.aws import Clients
from topicsmith.core.errors import OperatorError, explain
from topicsmith.runs import evaluation, run_outputs, tuning
from topicsmith.runs.jobs import Job, JobKind
from topicsmith.runs.runs import Run, Step
from topicsmith.runs.training_log import TrainingLog

_OVER = {"Succeeded", "Failed", "Stopped"}


class Progress:
    """Incremental reader of a run's progress. Steps that have finished or denied access are not read again.

    Attributes:
        refused: Reasons why details could not be read; watching continues without them.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._logs: dict[str, TrainingLog] = {}
        self._last: dict[str, str] = {}
        self._final: set[str] = set()
        self.refused: str | None = None

    def of(self, run: Run, step: Step) -> str:
        """Return the progress of a step, or an empty string if there is nothing to add to its status."""
        read = self._reader(run, step)
        if read is not None and step.name not in self._final:
            self._read(step, read)
        return self._last.get(step.name, "")

    def _read(self, step: Step, read: Callable[[], str]) -> None:
        from botocore.exceptions import ClientError

        try:
            self._last[step.name] = read()
        except (ClientError, OperatorError) as error:
            meaning = explain(error)
            self.refused = meaning.message if meaning else str(error)
            self._final.add(step.name)
        if step.status in _OVER:
            self._final.add(step.name)

    def _reader(self, run: Run, step: Step) -> Callable[[], str] | None:
        match step.job:
            case Job(JobKind.TUNING, name):
                return lambda: str(tuning.get(self._clients.sagemaker, name))
            case Job(JobKind.TRAINING, name):
                log = self._logs.setdefault(name, TrainingLog(self._clients.logs, name))
                return lambda: str(log.read())
        evaluated = run.step(run_outputs.EVALUATE)
        if step.passed is not None and evaluated and evaluated.job:
            job = evaluated.job
            return lambda: self._verdict(job)
        return None

    def _verdict(self, job: Job) -> str:
        uri = run_outputs.evaluation_of(self._clients.sagemaker, job)
        return str(evaluation.read(self._clients.s3, uri).gate)
