import dataclasses
import io

from rich.console import Console

from ntm.training.progress import shown_on
from ntm.training.trainer import Progress

HALF = Progress(
    epoch=2,
    epochs=5,
    documents=50,
    epoch_documents=100,
    loss=6.54321,
    validation_loss=None,
    documents_per_second=12_345.6,
)
END = dataclasses.replace(HALF, documents=100, validation_loss=6.7)


def shown(*progress: Progress, terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=terminal, color_system=None)
    with shown_on(console) as observe:
        for moment in progress:
            observe(moment)
    return file.getvalue()


def test_one_line_per_epoch_without_a_terminal() -> None:
    assert shown(HALF, END, terminal=False) == (
        "Epoch 2/5: loss 6.5432, validation 6.7000, 12,346 documents/s, 0:00:00 left\n"
    )
    slow = dataclasses.replace(END, documents_per_second=2.0, validation_loss=None)
    assert shown(slow, terminal=False) == "Epoch 2/5: loss 6.5432, 2 documents/s, 0:02:30 left\n"


def test_the_progress_bar_on_a_terminal_erases_itself() -> None:
    text = shown(HALF, END, terminal=True)
    assert "Epoch 2/5" in text
    assert "loss 6.5432, validation 6.7000, 12,346 documents/s" in text
    # The last output erases the line.
    assert text.endswith("\x1b[2K")
