"""``run``, ``retry`` and ``runs``: training runs."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from topicsmith.commands.options import AsJson, Environment, RunId, check_columns
from topicsmith.core import environment, output
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.corpora import corpus
from topicsmith.runs import function_log, jobs, preprocessing_report, run_outputs, runs, watch
from topicsmith.runs.runs import Pipeline, Run, Step

_LOG_LINES = 10
_INTERRUPTED = 130
_NUM_TOPICS = "NumTopics"
_REJECTED = "Rejected"


def run(
    corpus_name: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="A .csv or .jsonl file (.gz is supported), or an s3:// URI under raw/ in the data bucket.",
        ),
    ],
    env: Environment = "dev",
    text: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns with the text of a document, comma-separated.",
            show_default="the environment's",
            callback=check_columns,
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="COLUMN", help="Column with the id of a document.", show_default="the environment's"
        ),
    ] = None,
    topics: Annotated[
        int | None, typer.Option(min=2, max=1000, help="Number of topics.", show_default="the environment's")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Watch the run until it finishes.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a topic model: upload a corpus, start the pipeline and watch the run.

    The file is checked before the upload. Ctrl-C stops watching; the run
    continues.

    Example:
      topicsmith run reviews.csv --text title,body --topics 30
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
    if topics is not None and _NUM_TOPICS not in pipeline.defaults:
        raise typer.BadParameter(f"the number of topics is tuned in {env}", param_hint="--topics")
    uri = _bring(clients, deployment, pipeline, corpus_name, text, id_column)
    parameters = {"CorpusUri": uri}
    parameters |= {"TextColumns": text} if text is not None else {}
    parameters |= {"IdColumn": id_column} if id_column is not None else {}
    parameters |= {_NUM_TOPICS: str(topics)} if topics is not None else {}
    arn = runs.start(clients.sagemaker, deployment.pipeline, parameters)
    _follow(clients, deployment, pipeline, arn, "started", wait=wait, as_json=as_json)


def retry(
    run_id: RunId,
    env: Environment = "dev",
    wait: Annotated[bool, typer.Option(help="Watch the run until it finishes.")] = True,
    as_json: AsJson = False,
) -> None:
    """Resume a failed or stopped run. Steps that succeeded are not repeated.

    The run keeps the corpus, options and deployment that it started with. Changes
    deployed since then need a new run, as does a run whose model the gate rejected.

    Example:
      topicsmith retry 7qk2v0xw9h3d
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
    found = runs.find(clients.sagemaker, deployment, pipeline, run_id)
    if not found.is_over:
        again = deployment.command(f"runs {found.id} --watch")
        raise OperatorError(f"Run {found.id} has not finished: it is {found.status}.", f"Watch it: {again}")
    if found.succeeded:
        raise OperatorError(
            f"Run {found.id} succeeded, so there is nothing to retry.",
            f"Start another: {deployment.command('run corpus.csv')}",
        )
    if found.ended_by:
        raise OperatorError(
            f"Run {found.id} cannot be retried, because it ended with a decision: {_title(found.ended_by)}. "
            "The same steps would lead to the same result.",
            _another(deployment, found),
        )
    runs.retry(clients.sagemaker, found)
    _follow(clients, deployment, pipeline, found.arn, "resumed", wait=wait, as_json=as_json)


def list_runs(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="The run to show.")] = None,
    env: Environment = "dev",
    watching: Annotated[bool, typer.Option("--watch", help="Watch RUN until it finishes.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Number of runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest runs, or show one run with its steps and their logs.

    For a failed run, also shows the reason for the failure and the end of the
    log.

    Example:
      topicsmith runs 7qk2v0xw9h3d --watch
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
    if run_id is None:
        if watching:
            raise typer.BadParameter("specify the run to watch", param_hint="--watch")
        _list(runs.latest(clients.sagemaker, pipeline, limit), deployment, as_json=as_json)
        return
    found = runs.find(clients.sagemaker, deployment, pipeline, run_id)
    if watching:
        _watch(clients, deployment, pipeline, found.arn, as_json=as_json)
    elif as_json:
        output.print_json(_record(clients, found))
    else:
        _show(clients, deployment, found)


def bring_file(clients: Clients, deployment: Deployment, path: Path) -> str:
    """Upload a corpus, with a progress bar on stderr, and return its URI."""
    columns = (TextColumn("Uploading {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = output.progress()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(output.printable(path.name), total=path.stat().st_size)
        uri = corpus.upload(clients.s3, path, deployment.data_bucket, lambda size: progress.advance(task, size))
    console.print(f"Uploaded {path} to {uri}", soft_wrap=True)
    return uri


def print_left_out(clients: Clients, run: Run, console: Console) -> None:
    """Print the number of rows that preprocessing left out, by reason."""
    report = preprocessing_report.read(clients.s3, run)
    for line in report.lines() if report else ():
        console.print(line, soft_wrap=True)


def require_success(clients: Clients, deployment: Deployment, run: Run) -> None:
    """Raise an OperatorError with the reason and the log of the failure, unless the run succeeded."""
    if run.succeeded:
        return
    reasons = [_failure(clients, step) for step in run.failed_steps]
    reasons += _report_of(deployment, run)
    ending = "failed" if run.status == "Failed" else f"ended with status {run.status}"
    raise OperatorError(
        f"Run {run.id} {ending}" + (f": {run.failure}" if run.failure and not reasons else "."),
        "\n".join(reasons) or None,
    )


def _bring(
    clients: Clients,
    deployment: Deployment,
    pipeline: Pipeline,
    corpus_name: str,
    text: str | None,
    id_column: str | None,
) -> str:
    if corpus_name.startswith("s3://"):
        corpus.check_uri(clients.s3, corpus_name, deployment.data_bucket)
        return corpus_name
    path = Path(corpus_name).expanduser()
    names = text if text is not None else pipeline.defaults["TextColumns"]
    corpus.check(path, corpus.column_names(names), id_column)
    return bring_file(clients, deployment, path)


def _follow(
    clients: Clients, deployment: Deployment, pipeline: Pipeline, arn: str, did: str, *, wait: bool, as_json: bool
) -> None:
    """Watch a run until it finishes, or print its new state (``did``) and the command that watches it."""
    if wait:
        _watch(clients, deployment, pipeline, arn, as_json=as_json)
    elif as_json:
        output.print_json(runs.get(clients.sagemaker, arn).record())
    else:
        console = output.results()
        console.print(f"Run {runs.id_of(arn)} {did}.")
        console.print(f"Watch it: {deployment.command(f'runs {runs.id_of(arn)} --watch')}", soft_wrap=True)


def _watch(clients: Clients, deployment: Deployment, pipeline: Pipeline, arn: str, *, as_json: bool) -> None:
    run_id = runs.id_of(arn)
    console = output.progress()
    try:
        ended = watch.watch(clients, arn, pipeline.steps, console)
    except KeyboardInterrupt:
        again = deployment.command(f"runs {run_id} --watch")
        console.print(f"\nRun {run_id} continues. Watch it again: {again}", soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        output.print_json(_record(clients, ended))
    require_success(clients, deployment, ended)
    print_left_out(clients, ended, console)
    if not as_json and ended.model_version is not None:
        version = ended.model_version
        console = output.results()
        console.print(f"Run {run_id} registered model version {version}.")
        console.print(f"Topics:  {deployment.command(f'topics --version {version}')}", soft_wrap=True)
        console.print(f"Report:  {deployment.command(f'report {run_id}')}", soft_wrap=True)
        console.print(f"Serve:   {deployment.command(f'approve {version} --wait')}", soft_wrap=True)


def _record(clients: Clients, run: Run) -> dict[str, object]:
    report = preprocessing_report.read(clients.s3, run)
    return {**run.record(), "preprocessing": report.model_dump(mode="json") if report else None}


def _list(found: list[runs.RunSummary], deployment: Deployment, *, as_json: bool) -> None:
    if as_json:
        output.print_json([summary.record() for summary in found])
        return
    console = output.results()
    if not found:
        step = deployment.command("run corpus.csv")
        console.print(f"Pipeline {deployment.pipeline} has no runs yet. Start one: {step}", soft_wrap=True)
        return
    table = output.table("Run", "Status", "Started")
    for summary in found:
        table.add_row(summary.id, watch.status(summary.status), output.moment(summary.started))
    console.print(table)


def _show(clients: Clients, deployment: Deployment, run: Run) -> None:
    console = output.results()
    console.print(Text.assemble("Run ", (run.id, "bold"), "  ", watch.status(run.status)))
    elapsed = f"{'took' if run.is_over else 'running for'} {output.duration(run.seconds)}"
    console.print(f"Started {output.moment(run.started)}, {elapsed}")
    for name, value in run.parameters.items():
        console.print(f"{name}: {value}", soft_wrap=True)
    console.print(watch.steps_table(watch.Watcher(clients, run.arn).look()))
    print_left_out(clients, run, console)
    for step in run.steps:
        if step.status != "Failed" and (place := _log(clients, step)):
            console.print(f"Log of {step.name}: {place}", soft_wrap=True)
    for line in (*(_failure(clients, step) for step in run.failed_steps), *_report_of(deployment, run)):
        console.print(line, soft_wrap=True)


def _report_of(deployment: Deployment, run: Run) -> list[str]:
    """Return a line with the command that shows a run's report, or an empty list without a report."""
    return [f"Report: {deployment.command(f'report {run.id}')}"] if run_outputs.is_evaluated(run) else []


def _failure(clients: Clients, step: Step) -> str:
    """Return the reason for a step's failure, its log group, and the end of a job's log."""
    lines = [f"{_title(step)}: {step.reason}"]
    if place := _log(clients, step):
        lines.append(f"Log: {place}")
    if step.job:
        lines += [f"  {line}" for line in jobs.last_lines(clients.logs, step.job, _LOG_LINES)]
    return "\n".join(lines)


def _title(step: Step) -> str:
    # The step that ends a run whose model did not pass the gate.
    return "The gate rejected the model" if step.name == _REJECTED else f"{step.name} failed"


def _another(deployment: Deployment, run: Run) -> str:
    """Return the advice to start a new run with the same corpus and options."""
    options = {"TextColumns": "--text", "IdColumn": "--id", _NUM_TOPICS: "--topics"}
    given = [f"{options[name]} {shlex.quote(value)}" for name, value in run.parameters.items() if name in options]
    corpus_uri = run.parameters.get("CorpusUri", "corpus.csv")
    start = deployment.command(" ".join(["run", shlex.quote(corpus_uri), *given]))
    return f"Deploy another configuration or improve the corpus, then start a new run: {start}"


def _log(clients: Clients, step: Step) -> str | None:
    """Return the log of a step."""
    if step.job:
        return step.job.log
    return function_log.group(clients.functions, step.function) if step.function else None
