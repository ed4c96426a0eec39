"""A directory that becomes a model directory whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ntm.artifacts.artifacts import CONFIG, ONNX, TOPICS, WEIGHTS
from ntm.common.errors import InputError
from ntm.data.text import TOKENIZER, VOCABULARY

_FILES = (WEIGHTS, CONFIG, TOPICS, VOCABULARY, TOKENIZER, ONNX, f"{ONNX}.data")


def check_free(directory: Path, replace: bool) -> None:
    """Make sure that a model can be written, before hours are spent on training it.

    Args:
        directory: where to; it need not exist.
        replace: whether a model that is there may be replaced.

    Raises:
        InputError: it is a file, it cannot be written to, or it is not empty and ``replace`` is false.
    """
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is not a directory; a model is one.")
    if not os.access(existing, os.W_OK):
        raise InputError(f"The model cannot be written: {existing} is not writable.")
    if existing == directory and not replace and any(directory.iterdir()):
        raise InputError(
            f"{directory} is not empty; give another directory, or replace the model in it (--force, overwrite=True)."
        )


@contextmanager
def new_model(directory: Path, replace: bool) -> Iterator[Path]:
    """Yield a directory to write a model's files to; they appear in ``directory`` once the block ends without error.

    What else lies in ``directory`` stays. It is not moved itself: it may be a mount, or somebody's working directory.

    Raises:
        InputError: as ``check_free``.
    """
    check_free(directory, replace)
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=directory, prefix=".new-") as temporary:
            yield Path(temporary)
            for name in _FILES:
                (directory / name).unlink(missing_ok=True)
            for path in Path(temporary).iterdir():
                path.rename(directory / path.name)
    except BaseException:
        if made:
            directory.rmdir()
        raise
