"""Helpers of the benchmarks: runs in separate processes, ratios and tables."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
WORKERS = Path(__file__).parent / "workers"
NTM = ROOT / "containers" / "ntm"

_PIPE_WIDTH = 240

console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, markup=False)

Suite = Annotated[
    Path,
    typer.Option(
        help="Folder of the peers: evaluate.py, common.py, peer_*.py, speed_vae.py, data/<corpus>/.",
        exists=True,
        file_okay=False,
        resolve_path=True,
    ),
]
Repeats = Annotated[int, typer.Option(help="Number of repetitions, alternating between the compared runs.", min=1)]


def command(function: Callable[..., None]) -> None:
    """Run a function as the command line of the current script."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(function)
    app()


def start(
    script: Path, *arguments: str, threads: int, path: Sequence[Path] = (), **environ: str
) -> subprocess.Popen[str]:
    """Start a script whose last line of output is a JSON object.

    Args:
        script: Script to run with this Python.
        arguments: Arguments of the script.
        threads: Number of threads of its libraries.
        path: Import path of the script.
        environ: Additional environment variables.
    """
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    # As in the package's own commands; peers get it too, or ratios would compare waiting instead of work.
    limits["GOMP_SPINCOUNT"] = os.environ.get("GOMP_SPINCOUNT", "30000")
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**os.environ, **limits, "PYTHONPATH": os.pathsep.join(map(str, path)), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a script and return the object that it printed; exit if it failed."""
    output, errors = process.communicate()
    if process.returncode:
        Console(stderr=True, markup=False, highlight=False).print(f"{errors}\nFailed: {process.args}", soft_wrap=True)
        raise typer.Exit(1)
    printed: dict[str, Any] = json.loads(output.rstrip().rsplit("\n", 1)[-1])
    return printed


def run(script: Path, *arguments: str, threads: int, path: Sequence[Path] = (), **environ: str) -> dict[str, Any]:
    """Run a script; see ``start`` and ``result``."""
    return result(start(script, *arguments, threads=threads, path=path, **environ))


def start_training(threads: int, environ: dict[str, str] | None = None, **training: Any) -> subprocess.Popen[str]:
    """Start a training of ntm; for its parameters see ``workers/train_ntm.py``."""
    arguments = json.dumps(training | {"threads": threads}, default=str)
    path = [NTM, Path(__file__).parent]
    return start(WORKERS / "train_ntm.py", arguments, threads=threads, path=path, **(environ or {}))


def train(threads: int, environ: dict[str, str] | None = None, **training: Any) -> dict[str, Any]:
    """Run a training of ntm and return its measurements."""
    return result(start_training(threads, environ, **training))


def corpora(suite: Path) -> list[Path]:
    """Return the folders of the suite's corpora."""
    found = sorted(path.parent for path in suite.glob("data/*/train.npz"))
    if not found:
        raise typer.BadParameter(f"{suite}/data has no folder with a train.npz.", param_hint="--suite")
    return found


def spread(values: Iterable[float | None], form: str = ".3f") -> str:
    """Return the median and range of repeated measurements."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "-"
    middle = format(median(known), form)
    return middle if len(known) == 1 else f"{middle} ({known[0]:{form}}…{known[-1]:{form}})"


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table; all columns except the first are numbers."""
    table = Table(box=MARKDOWN)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(f"\n{title}\n", soft_wrap=True)
    console.print(table)
