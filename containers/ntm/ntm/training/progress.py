"""Training progress: a progress bar on a terminal, otherwise one line per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from ntm.training.trainer import Progress

Observer = Callable[["Progress"], None]


@contextmanager
def shown_on(console: Console) -> Iterator[Observer]:
    """Yield an observer that shows training progress on a console; the bar disappears when the block ends."""
    if not console.is_terminal:
        yield lambda progress: _print_epoch(console, progress)
        return
    figures = TextColumn("{task.fields[figures]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), figures, TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("Epoch 1", total=None, figures="")

        def update(progress: Progress) -> None:
            bar.update(
                task,
                description=f"Epoch {progress.epoch}/{progress.epochs}",
                total=progress.epochs * progress.epoch_documents,
                completed=(progress.epoch - 1) * progress.epoch_documents + progress.documents,
                figures=_figures(progress),
            )

        yield update


def _print_epoch(console: Console, progress: Progress) -> None:
    if progress.documents < progress.epoch_documents:
        return
    documents = (progress.epochs - progress.epoch) * progress.epoch_documents
    left = timedelta(seconds=round(documents / progress.documents_per_second))
    console.print(f"Epoch {progress.epoch}/{progress.epochs}: {_figures(progress)}, {left} left", soft_wrap=True)


def _figures(progress: Progress) -> str:
    validation = "" if progress.validation_loss is None else f", validation {progress.validation_loss:.4f}"
    return f"loss {progress.loss:.4f}{validation}, {progress.documents_per_second:,.0f} documents/s"
