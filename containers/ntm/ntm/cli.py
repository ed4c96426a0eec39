"""The command line ``ntm``: its commands, and what an error looks like."""

import os
import signal
import sys
from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from ntm.commands.console import console_of
from ntm.commands.model import show_topics, transform
from ntm.commands.train import train
from ntm.common.errors import InputError

_FAILED, _INTERRUPTED = 1, 130


class _Commands(TyperGroup):
    """The commands, whose expected errors end in a sentence instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (InputError, OSError) as error:
            console_of(sys.stderr).print(Text.assemble(("Error: ", "bold red"), _sentence(error)), soft_wrap=True)
            raise typer.Exit(_FAILED) from None
        except KeyboardInterrupt:
            console_of(sys.stderr).print("Interrupted.")
            raise typer.Exit(_INTERRUPTED) from None


app = typer.Typer(
    name="ntm",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _about() -> None:
    """Find the topics of your documents with a neural topic model, and tell what other documents are about.

    From a file of texts, a document a line, to topics:
      ntm train --train docs.txt --num-topics 20 --out model/
      ntm topics model/
      ntm transform model/ new.txt --top 3

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """


app.command()(train)
app.command("topics")(show_topics)
app.command()(transform)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def main() -> None:
    """Run the command line; what asks the process to end interrupts it."""
    # Before torch loads OpenMP; see the script `train`.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app(prog_name="ntm")
