"""The ``ntm`` command line."""

import os
import signal
import sys
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from ntm.commands.console import console_of
from ntm.commands.model import show_topics, transform
from ntm.commands.train import train
from ntm.common.errors import InputError
from ntm.common.version import __version__

_FAILED, _INTERRUPTED = 1, 130


class _Commands(TyperGroup):
    """Command group that prints expected errors as one sentence instead of a traceback."""

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
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ntm {__version__}\n")
        raise typer.Exit


@app.callback()
def _about(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the topics of a collection of documents with a neural topic model.

    From a file of texts, one document per line, to topics:
      ntm train --train docs.txt --num-topics 20 --out model/
      ntm topics model/
      ntm transform model/ new.txt --top 3

    Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
    """


app.command()(train)
app.command("topics")(show_topics)
app.command()(transform)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.strerror}." if error.filename is None else f"{error.filename}: {error.strerror}."
    return str(error)


def main() -> None:
    """Run the command line; SIGTERM is handled like Ctrl-C."""
    # Before torch loads OpenMP; see the script `train`.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app(prog_name="ntm")
