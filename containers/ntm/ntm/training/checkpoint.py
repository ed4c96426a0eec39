"""Checkpoints: an interrupted training job goes on where it was, to the same result."""

import os
import time
from pathlib import Path
from typing import Any

import torch

from ntm.common.errors import InputError

_SECONDS = 30.0


class Checkpoints:
    """One host's checkpoint in a directory that SageMaker keeps in S3; the newest replaces the one before.

    Nothing is written if the directory does not exist: SageMaker makes it where the job has a CheckpointConfig.
    """

    def __init__(self, directory: Path | None, host: str, seconds: float = _SECONDS) -> None:
        """Use a directory.

        Args:
            directory: None for no checkpoints.
            host: each host has a file of its own.
            seconds: at least so much time lies between two checkpoints, unless the job is ending.
        """
        wanted = directory is not None and directory.is_dir()
        self._path = directory / f"checkpoint-{host}.pt" if directory is not None and wanted else None
        self._seconds = seconds
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return self._path is not None and time.monotonic() - self._last >= self._seconds

    def save(self, job: dict[str, Any], state: dict[str, Any]) -> None:
        """Write a checkpoint: the file is there whole, or the one before is.

        Args:
            job: what must be the same for the job to go on, in values of JSON.
            state: tensors, numbers, texts, lists and dicts of them.
        """
        if self._path is None:
            return
        unfinished = self._path.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            torch.save({"job": job, "state": state}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(self._path)
        self._last = time.monotonic()

    def load(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state of the last checkpoint, None if there is none.

        Raises:
            InputError: the checkpoint cannot be read, or is of another job.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self._path, weights_only=True)
            of, state = dict(content["job"]), dict(content["state"])
        except Exception as error:
            raise InputError(f"The checkpoint {self._path.name} cannot be read: {error!r}. Delete it.") from None
        if different := sorted(name for name in job.keys() | of.keys() if job.get(name) != of.get(name)):
            changes = ", ".join(f"{name} was {of.get(name)} and is {job.get(name)}" for name in different)
            raise InputError(
                f"The checkpoint {self._path.name} is of another job: {changes}. "
                "Give this job a CheckpointConfig with an S3Uri of its own."
            )
        return state
