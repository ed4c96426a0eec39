"""``evaluation`` and ``report``: how good a run's model is."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from topicsmith.commands import chosen_run
from topicsmith.commands.options import AsJson, Environment, RunId
from topicsmith.core import output
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
"""The metrics in the order in which they are shown, by what a person calls them."""


def show_evaluation(run_id: RunId, env: Environment = "dev", as_json: AsJson = False) -> None:
    """Show how good a run's model is, beside an LDA, and the gate's verdict; exit code 1 where it was rejected.

    Coherence, uniqueness and diversity are better when greater, perplexity when
    less. All are measured on documents that the model has not seen.

    Example:
      topicsmith evaluation 7qk2v0xw9h3d --json
    """
    clients = connect()
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
        Path | None, typer.Option("--out", metavar="FILE", help="Where to put it.", show_default="report-RUN.html")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch a run's report and open it: a map of the documents, topics, trials, the gate.

    It is one page that needs no network. It quotes documents of the corpus.

    Example:
      topicsmith report 7qk2v0xw9h3d --out report.html
    """
    clients = connect()
    path = out or Path(f"report-{runs.id_of(run_id)}.html")
    save_report(clients, _evaluation(clients, env, run_id), path)
    if as_json:
        output.print_json({"run": runs.id_of(run_id), "report": str(path)})
    else:
        output.results().print(f"The report is at {path}", soft_wrap=True)
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        output.progress().print("No browser was found to open it.")


def save_report(clients: Clients, uri: str, path: Path) -> None:
    """Write the report of the evaluation under an S3 URI to ``path``.

    Raises:
        OperatorError: it is gone, or ``path`` cannot be written.
    """
    content = evaluation.fetch(clients.s3, uri, evaluation.REPORT)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror or error}.") from error


def print_evaluation(found: Evaluation) -> None:
    """Print the model's metrics beside the baseline's, and the gate's checks, to stdout."""
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
        Text("The gate passed it.", style="green")
        if found.gate.passed
        else Text(f"The gate rejected it: {output.printable(found.gate.reason)}", style="red"),
        soft_wrap=True,
    )
    for check in found.gate.checks:
        console.print(f"  {'✓' if check.passed else '✗'} {check}")


def _evaluation(clients: Clients, env: str, run_id: str) -> str:
    """Return the S3 URI under which a run's evaluation lies."""
    deployment, run = chosen_run.find(clients, env, run_id)
    return run_outputs.evaluation_uri(clients.sagemaker, deployment, run)


def number(value: float) -> str:
    """Return a metric as it is shown."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3f}"
