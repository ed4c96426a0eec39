"""The command line ``topicsmith``: its global options, its commands, and what an error looks like."""

import io
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
    vectors,
)
from topicsmith.core import invocation, output
from topicsmith.core.errors import explain

_FAILED = 1


class _Commands(TyperGroup):
    """The commands, whose expected errors end in a sentence and exit code 1 instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            meaning = explain(error)
            if meaning is None:
                raise
            if ctx.params.get("verbose"):
                traceback.print_exc()
            output.print_error(meaning)
            raise typer.Exit(_FAILED) from error


app = typer.Typer(
    name="topicsmith",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_local = typer.Typer(no_args_is_help=True, help="The cloud on this machine: start it, stop it, run the demo in it.")


@app.callback()
def _global_options(
    local_option: Annotated[
        bool, typer.Option("--local", envvar=invocation.LOCAL_VARIABLE, help="Talk to the local cloud instead of AWS.")
    ] = False,
    # Read where errors end, in _Commands.invoke.
    verbose: Annotated[bool, typer.Option("--verbose", help="Show an error's traceback.")] = False,  # noqa: ARG001
) -> None:
    """Turn text into a served topic model: run the deployed pipeline, approve its models, ask the endpoint.

    Commands act on what `make deploy` deployed, with your AWS credentials
    and region; with --local, on the local cloud.

    From a corpus to topics:
      topicsmith run reviews.csv --text title,body
      topicsmith approve 1 --wait
      topicsmith infer "The battery lasts two days"

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    invocation.remember(local=local_option)


_local.command()(local.up)
_local.command()(local.down)
_local.command()(local.status)
_local.command()(local.env)
_local.command()(local.account)
_local.command()(demo.demo)
app.add_typer(_local, name="local")
app.command()(run.run)
app.command()(run.retry)
app.command("runs")(run.list_runs)
app.command()(stop.stop)
app.command("tuning")(tuning.show_tuning)
app.command()(evaluation.evaluate)
app.command()(evaluation.report)
app.command("vectors")(vectors.fetch_vectors)
app.command("models")(models.list_models)
app.command()(models.approve)
app.command()(models.rollback)
app.command()(promote.promote)
app.command()(history.history)
app.command("topics")(topics.show_topics)
app.command()(check.check)
app.command()(infer.infer)
app.command()(diff.diff)


def main() -> None:
    """Run the command line; what the terminal's encoding lacks, or what is not text, is replaced."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="topicsmith")
