"""``evaluation`` and ``report``: the quality of a run's model."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from topicsmith.commands import chosen_run
from topicsmith.commands.options import AsJson, Environment, RunId
from topicsmith.core import checkout, output
from topicsmith.core.aws import Clients, connect
from topicsmith.core.errors import OperatorError
from topicsmith.runs import evaluation, run_outputs, runs
from topicsmith.runs.evaluation import Evaluation

_REJECTED = 1
METRICS = {
    "npmi": "NPMI",
    "c_v": "C_V",
    "topic_uniqueness": "Topic uniqueness",
    "topic_diversity": "Topic diversity",
    "wetc": "WETC",
    "perplexity": "Perplexity",
}
"""Display names of the metrics, in display order."""


def show_evaluation(run_id: RunId, env: Environment = "dev", as_json: AsJson = False) -> None:
    """Show the quality of a run's model, compared with an LDA baseline, and the gate's verdict.

    Higher is better for coherence, uniqueness and diversity; lower is better for
    perplexity. All are measured on held-out documents. The exit code is 1 if the
    gate rejected the model.

    Example:
      topicsmith evaluation 7qk2v0xw9h3d --json
    """
    clients = connect(env)
    uri = _evaluation(clients, env, run_id)
    found = evaluation.read(clients.s3, uri)
    if as_json:
        output.print_json(found.model_dump(mode="json", exclude_unset=True))
    else:
        print_evaluation(found)
    if not found.gate.passed:
        raise typer.Exit(_REJECTED)


def report(
    run_id: RunId,
    env: Environment = "dev",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write the report to FILE.", show_default=".topicsmith/reports/RUN.html"
        ),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in the browser.")] = True,
    as_json: AsJson = False,
) -> None:
    """Download a run's report and open it: a map of the documents, topics, trials and the gate.

    The report is a single HTML file that works offline. It quotes the corpus:
    share it only with people who may read the corpus.

    Example:
      topicsmith report 7qk2v0xw9h3d
    """
    clients = connect(env)
    path = out or _default_path(run_id)
    save_report(clients, _evaluation(clients, env, run_id), path)
    if as_json:
        output.print_json({"run": runs.id_of(run_id), "report": str(path)})
    else:
        output.results().print(f"Report: {path}", soft_wrap=True)
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        output.progress().print("No browser found. Open the file yourself.")


def _default_path(run_id: str) -> Path:
    """Return the path of a run's report in the reports folder, which is created if it does not exist."""
    folder = checkout.reports_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{folder} cannot be created: {error.strerror or error}.", "Choose another path with --out FILE."
        ) from error
    return folder / f"{runs.id_of(run_id)}.html"


def save_report(clients: Clients, uri: str, path: Path) -> None:
    """Write the report of the evaluation under an S3 URI to ``path``.

    Raises:
        OperatorError: The report was deleted, or ``path`` is not writable.
    """
    content = evaluation.fetch(clients.s3, uri, evaluation.REPORT)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror or error}.") from error


def print_evaluation(found: Evaluation) -> None:
    """Print the metrics of the model and the baseline, and the gate's checks, to stdout."""
    console = output.results()
    columns = ("Metric", "Model", found.baseline.model)
    table = output.table(*columns, right=columns[1:])
    for name, title in METRICS.items():
        value, other = getattr(found.metrics, name), getattr(found.baseline, name)
        if value is not None:
            table.add_row(title, number(value), "" if other is None else number(other))
    console.print(table)
    console.print()
    console.print(
        Text("The model passed the gate.", style="green")
        if found.gate.passed
        else Text(f"The gate rejected the model: {output.printable(found.gate.reason)}", style="red"),
        soft_wrap=True,
    )
    for check in found.gate.checks:
        console.print(f"  {'✓' if check.passed else '✗'} {check}")


def _evaluation(clients: Clients, env: str, run_id: str) -> str:
    """Return the S3 URI of a run's evaluation."""
    deployment, run = chosen_run.find(clients, env, run_id)
    return run_outputs.evaluation_uri(clients.sagemaker, deployment, run)


def number(value: float) -> str:
    """Return a metric, formatted for display."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3f}"
