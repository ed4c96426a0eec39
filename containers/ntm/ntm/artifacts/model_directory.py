"""Atomic writing of model directories."""

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
    """Check that a model can be written, before spending hours on training.

    Args:
        directory: Directory to write to; it may not exist.
        replace: Allow replacing an existing model.

    Raises:
        InputError: The path is a file, is not writable, or is not empty and ``replace`` is False.
    """
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is not a directory. Choose another path for the model.")
    if not os.access(existing, os.W_OK):
        raise InputError(f"The model cannot be written: {existing} is not writable.")
    if existing == directory and not replace and any(directory.iterdir()):
        raise InputError(
            f"{directory} is not empty. Choose another directory or replace its model (--force, overwrite=True)."
        )


@contextmanager
def new_model(directory: Path, replace: bool) -> Iterator[Path]:
    """Yield a temporary directory whose files are moved to ``directory`` when the block succeeds.

    Other files in ``directory`` stay. The directory itself is not replaced: it may be a mount or a working directory.

    Raises:
        InputError: See ``check_free``.
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
