"""Entry point of ``topicsmith``: commands, global options and error handling."""

import io
import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from topicsmith import grammar
from topicsmith.commands import (
    check,
    demo,
    diff,
    evaluation,
    history,
    infer,
    local,
    models,
    promote,
    run,
    stop,
    topics,
    tuning,
    unregister,
    vectors,
    whoami,
)
from topicsmith.commands.options import environment_names
from topicsmith.core import invocation, output
from topicsmith.core.errors import explain

_PROGRAM = "topicsmith"
_FAILED = 1
_INTERRUPTED = 130
_CLOSED_PIPE = 141

_EPILOG = """
[bold]Get started[/bold] without an AWS account, in a checkout:
  topicsmith local up --deploy
  topicsmith --local run reviews.csv --text title,body
  topicsmith --local approve 1 --wait
  topicsmith --local infer "The battery lasts two days"

[bold]Exit codes[/bold]: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
diff has its own: topicsmith diff --help
"""


class _Program(grammar.Group):
    """Root command group. Expected errors print a message and exit with code 1 instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except BrokenPipeError as error:
            _discard_output()
            raise typer.Exit(_CLOSED_PIPE) from error
        except KeyboardInterrupt as error:
            output.progress().print("\nInterrupted.")
            raise typer.Exit(_INTERRUPTED) from error
        except Exception as error:
            meaning = explain(error)
            if meaning is None:
                raise
            if ctx.params.get("verbose"):
                traceback.print_exc()
            output.print_error(meaning)
            raise typer.Exit(_FAILED) from error


_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name=_PROGRAM,
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=_HELP_OPTIONS,
)
_local = typer.Typer(
    cls=grammar.Group,
    no_args_is_help=True,
    help="Start and stop the local cloud, and run the demo in it.",
    context_settings=_HELP_OPTIONS,
)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"{_PROGRAM} {version(_PROGRAM)}\n")
        raise typer.Exit


@app.callback(epilog=_EPILOG)
def _global_options(
    local_option: grammar.Local = False,
    # Read by grammar.Command.
    env: Annotated[  # noqa: ARG001
        str | None,
        typer.Option(
            "--env",
            metavar="NAME",
            help="The deployed environment: dev, prod, ...",
            show_default="dev",
            autocompletion=environment_names,
        ),
    ] = None,
    # Read by _Program.invoke.
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,  # noqa: ARG001
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train topic models on your text with SageMaker, serve them, and query them.

    Commands act on an environment deployed with `make deploy`, with your AWS
    credentials and region. With --local they act on the local cloud, which runs
    on this machine. --local and --env go before or after the command.
    """
    invocation.remember(local=local_option)


def _add(name: str, function: Callable[..., None], panel: str, *, hidden: bool = False) -> None:
    app.command(name, cls=grammar.Command, rich_help_panel=panel, hidden=hidden, context_settings=_HELP_OPTIONS)(
        grammar.with_local(function)
    )


_add("run", run.run, "Runs")
_add("runs", run.list_runs, "Runs")
_add("stop", stop.stop, "Runs")
_add("retry", run.retry, "Runs")
_add("tuning", tuning.show_tuning, "Runs")
_add("evaluation", evaluation.show_evaluation, "Runs")
_add("evaluate", evaluation.show_evaluation, "Runs", hidden=True)
_add("report", evaluation.report, "Runs")
_add("vectors", vectors.fetch_vectors, "Runs")
_add("models", models.list_models, "Models")
_add("topics", topics.show_topics, "Models")
_add("approve", models.approve, "Models")
_add("rollback", models.rollback, "Models")
_add("promote", promote.promote, "Models")
_add("history", history.history, "Models")
_add("infer", infer.infer, "Serving")
_add("check", check.check, "Serving")
_add("whoami", whoami.whoami, "Environments")
_add("diff", diff.diff, "Environments")
_add("unregister", unregister.unregister, "Environments")
for _command in (local.up, local.down, local.status, local.env, local.account, demo.demo):
    _local.command(cls=grammar.Command, context_settings=_HELP_OPTIONS)(_command)
app.add_typer(_local, name="local", rich_help_panel="Local cloud")


def main() -> None:
    """Run the program. Characters that the terminal cannot encode are replaced."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name=_PROGRAM)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(_CLOSED_PIPE)


def _discard_output() -> None:
    """Redirect stdout to the null device: Python flushes stdout on exit, which fails if the pipe is closed."""
    real = sys.__stdout__
    if real is not None and sys.stdout is real:
        os.dup2(os.open(os.devnull, os.O_WRONLY), real.fileno())
