"""``local demo``: the full pipeline, end to end, on this machine, with the demo corpus or a file of your own."""

import itertools
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from topicsmith.commands.evaluation import print_evaluation, save_report
from topicsmith.commands.infer import ask, print_predictions
from topicsmith.commands.models import approve_model
from topicsmith.commands.options import AsJson, check_columns
from topicsmith.commands.run import bring_file, print_left_out, require_success
from topicsmith.commands.topics import print_topics
from topicsmith.commands.tuning import print_trials
from topicsmith.core import checkout, environment, local_cloud, output
from topicsmith.core.aws import Clients
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.core.invocation import command
from topicsmith.core.stopwatch import Stopwatch
from topicsmith.corpora import corpus
from topicsmith.local import local_deployment
from topicsmith.models import models, topics
from topicsmith.models.topics import TopicModel
from topicsmith.runs import evaluation, run_outputs, runs, tuning, watch
from topicsmith.runs.evaluation import Evaluation
from topicsmith.runs.runs import Run
from topicsmith.runs.tuning import Tuning
from topicsmith.serving.inference import Prediction

_SENTENCES = (
    "Rotates the encryption key that protects the secrets of an application.",
    "Starts a group of virtual machines and attaches storage volumes to them.",
    "Detects faces and labels in an image and returns the confidence of each.",
)
_DOCUMENTS_TO_CHOOSE_FROM = 1000
_WORDS_OF_A_LONG_DOCUMENT = 20


@dataclass(frozen=True)
class _Corpus:
    """Corpus of the demo: a file or, by default, the demo corpus, which is written on demand."""

    file: Path | None
    text_columns: str
    id_column: str | None

    @classmethod
    def of(cls, file: Path | None, text: str, id_column: str | None) -> "_Corpus":
        """Return the corpus that the options name, after checking it."""
        if file is None:
            return cls(None, "text", "id")
        corpus.check(file, corpus.column_names(text), id_column)
        return cls(file, text, id_column)

    def sentences(self) -> list[str]:
        """Return three texts to classify: documents of the file, or sentences that fit the demo corpus."""
        if self.file is None:
            return list(_SENTENCES)
        columns = corpus.column_names(self.text_columns)
        documents = list(itertools.islice(corpus.documents(self.file, columns), _DOCUMENTS_TO_CHOOSE_FROM))
        long = [document for document in documents if len(document.split()) >= _WORDS_OF_A_LONG_DOCUMENT]
        chosen = long if len(long) >= len(_SENTENCES) else sorted(documents, key=len, reverse=True)
        return chosen[: len(_SENTENCES)]


@dataclass(frozen=True)
class _Outcome:
    """Results of the demo.

    Attributes:
        tuning: Trials; None if the environment does not tune.
        report: Path of the run's report.
        sentences: Texts sent to the endpoint.
        predictions: Predictions for the sentences, in the same order.
    """

    run: Run
    tuning: Tuning | None
    evaluation: Evaluation
    report: Path
    model: TopicModel
    sentences: Sequence[str]
    predictions: Sequence[Prediction]

    def record(self) -> dict[str, object]:
        """Return the results as ``--json`` prints them."""
        return {
            "run": self.run.record(),
            "tuning": self.tuning.record() if self.tuning else None,
            "metrics": self.evaluation.metrics.model_dump(mode="json"),
            "baseline": self.evaluation.baseline.model_dump(mode="json"),
            "report": str(self.report),
            "topics": self.model.model_dump(mode="json"),
            "predictions": [
                {"text": sentence, **prediction.model_dump(mode="json")}
                for sentence, prediction in zip(self.sentences, self.predictions, strict=True)
            ],
        }


def demo(
    corpus_file: Annotated[
        Path | None,
        typer.Option(
            "--corpus", metavar="FILE", help="A .csv or .jsonl file; .gz is supported.", show_default="demo corpus"
        ),
    ] = None,
    text: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS",
            help="Columns with the text of a document, comma-separated.",
            callback=check_columns,
        ),
    ] = "text",
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="Column with the id of a document.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the local cloud running.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the full pipeline on this machine, from deployment to inference.

    Starts its own local cloud, deploys the dev environment to it with the
    CDK CLI, runs the pipeline, approves and serves the model, queries it, and
    stops everything. The demo corpus is the documentation of AWS's
    operations in the installed botocore.

    Example:
      topicsmith local demo --corpus reviews.csv --text title,body
    """
    chosen = _Corpus.of(corpus_file, text, id_column)
    stopwatch = Stopwatch(output.progress())
    # Beside the state of the demo's own cloud, which is deleted with it.
    report = checkout.state_dir() / "demo-report.html"
    with _place(keep=keep) as (port, state_dir):
        outcome = _run_all(chosen, stopwatch, port, state_dir, report)
    if as_json:
        phases = [{"phase": phase.name, "seconds": phase.seconds} for phase in stopwatch.phases]
        output.print_json({"seconds": stopwatch.seconds, "phases": phases, **outcome.record()})
        return
    console = output.results()
    console.print()
    if outcome.tuning:
        print_trials(outcome.tuning)
        console.print()
    print_topics(outcome.model)
    console.print()
    print_evaluation(outcome.evaluation)
    console.print()
    print_predictions(outcome.sentences, outcome.predictions)
    console.print()
    _print_times(stopwatch, outcome.run)
    _print_next_steps(outcome.report, keep=keep)


def _run_all(chosen: _Corpus, stopwatch: Stopwatch, port: int | None, state_dir: Path, report: Path) -> _Outcome:
    """Run all phases and return the results."""
    from topicsmith.corpora.demo_corpus import write_demo_corpus

    demo_file = state_dir / "demo.csv"

    def export() -> None:
        if chosen.file is None:
            write_demo_corpus(demo_file)

    local_deployment.create(stopwatch, port=port, state_dir=state_dir, meanwhile=export)
    clients = Clients()
    deployment = environment.load(clients, local_deployment.ENVIRONMENT)
    run = _train(clients, deployment, chosen, chosen.file or demo_file, report, stopwatch)
    if run.model_package is None:
        raise OperatorError(f"Run {run.id} registered no model.")
    model = models.describe(clients.sagemaker, run.model_package)
    with stopwatch.phase("Approve and deploy the endpoint", quiet=False):
        if approve_model(clients, deployment, model, wait=True) is None:
            raise OperatorError(
                "environments/dev.yaml pins the model to serve, so an approval has no effect.",
                "Remove serving.model_package from it.",
            )
    sentences = chosen.sentences()
    with stopwatch.phase("Query the endpoint"):
        found = topics.read(clients.s3, model.data_uri)
        predictions = ask(clients, deployment, sentences)
    uri = run_outputs.evaluation_uri(clients.sagemaker, deployment, run)
    return _Outcome(
        run=run,
        tuning=_trials(clients, deployment, run),
        evaluation=evaluation.read(clients.s3, uri),
        report=report,
        model=found,
        sentences=sentences,
        predictions=predictions,
    )


def _train(
    clients: Clients, deployment: Deployment, chosen: _Corpus, file: Path, report: Path, stopwatch: Stopwatch
) -> Run:
    """Upload ``file``, run the pipeline on it, save its report to ``report``, and return the successful run."""
    console = output.progress()
    with stopwatch.phase("Upload", quiet=False):
        uri = bring_file(clients, deployment, file)
    parameters = {"CorpusUri": uri, "TextColumns": chosen.text_columns}
    parameters |= {"IdColumn": chosen.id_column} if chosen.id_column else {}
    with stopwatch.phase("Pipeline", quiet=False):
        pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
        arn = runs.start(clients.sagemaker, pipeline.name, parameters)
        run = watch.watch(clients, arn, pipeline.steps, console)
        if run_outputs.is_evaluated(run):
            save_report(clients, run_outputs.evaluation_uri(clients.sagemaker, deployment, run), report)
            if not run.succeeded:
                console.print(f"Report: {report}", soft_wrap=True)
        require_success(clients, deployment, run)
        print_left_out(clients, run, console)
    return run


def _trials(clients: Clients, deployment: Deployment, run: Run) -> Tuning | None:
    """Return the trials of a run, or None if its environment does not tune."""
    if run.step(run_outputs.TUNE) is None:
        return None
    return tuning.get(clients.sagemaker, run_outputs.tuning_job(deployment, run).name)


@contextmanager
def _place(*, keep: bool) -> Iterator[tuple[int | None, Path]]:
    """Yield a port and a directory for a local cloud, and stop the cloud afterwards unless ``keep`` is set.

    Without ``keep``, both are used by the demo alone, and a cloud that is already running is not affected.
    """
    running = local_cloud.running()
    if keep:
        if running:
            raise OperatorError(
                f"A local cloud is already running at {running.endpoint_url}, and --keep would leave a second one.",
                f"Use that one, or stop it first: {command('local down')}",
            )
        yield None, checkout.state_dir()
        return
    if running:
        output.progress().print(f"The demo starts its own local cloud, apart from the one at {running.endpoint_url}.")
    checkout.state_dir().mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=checkout.state_dir()))
    with _termination_unwinds():
        kept = False
        try:
            yield _free_port(), directory
        except Exception:
            kept = True
            look = command("local demo --keep")
            output.progress().print(
                f"Logs: {directory}. To keep the cloud running for inspection: {look}", soft_wrap=True
            )
            raise
        finally:
            _stop(directory)
            if not kept:
                shutil.rmtree(directory, ignore_errors=True)


def _stop(state_dir: Path) -> None:
    """Stop the demo's cloud. Ignores a second Ctrl-C, which could leave some of its processes running."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        local_cloud.stop(state_dir)
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _termination_unwinds() -> Iterator[None]:
    """Exit on SIGTERM and SIGHUP by an exception, as on Ctrl-C, so that started processes are cleaned up."""

    def unwind(signum: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signum)

    signals = (signal.SIGTERM, signal.SIGHUP)
    previous = [signal.signal(signum, unwind) for signum in signals]
    try:
        yield
    finally:
        for signum, handler in zip(signals, previous, strict=True):
            signal.signal(signum, handler)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def _print_times(stopwatch: Stopwatch, run: Run) -> None:
    table = output.table("Phase", "Time", right=["Time"])
    for phase in stopwatch.phases:
        table.add_row(phase.name, output.duration(phase.seconds))
        if phase.name == "Pipeline":
            for step in run.steps:
                table.add_row(f"  {step.name}", output.duration(step.seconds))
    table.add_row("Total", output.duration(stopwatch.seconds))
    output.results().print(table)


def _print_next_steps(report: Path, *, keep: bool) -> None:
    console = output.results()
    console.print()
    shown = report.relative_to(Path.cwd()) if report.is_relative_to(Path.cwd()) else report
    console.print(f"Report:            {shown}", soft_wrap=True)
    if keep:
        console.print("The local cloud is still running. Stop it: make down")
    else:
        console.print("Keep it running:   make local")
    console.print("Your own file:     make demo CORPUS=reviews.csv TEXT=title,body")
