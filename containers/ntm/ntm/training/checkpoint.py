"""Checkpoints, from which an interrupted training job resumes to the same result."""

import os
import time
from pathlib import Path
from typing import Any

import torch

from ntm.common.errors import InputError

_SECONDS = 30.0


class Checkpoints:
    """Checkpoint of one host in a directory that SageMaker syncs with S3; a new one replaces the previous one.

    Nothing is written if the directory does not exist: SageMaker creates it for jobs with a CheckpointConfig.
    """

    def __init__(self, directory: Path | None, host: str, seconds: float = _SECONDS) -> None:
        """Set up checkpoints in a directory.

        Args:
            directory: Checkpoint directory; None disables checkpoints.
            host: Name of this host, which has its own file.
            seconds: Minimum time between two checkpoints, unless the job is ending.
        """
        wanted = directory is not None and directory.is_dir()
        self._path = directory / f"checkpoint-{host}.pt" if directory is not None and wanted else None
        self._seconds = seconds
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """True if the next checkpoint is due."""
        return self._path is not None and time.monotonic() - self._last >= self._seconds

    def save(self, job: dict[str, Any], state: dict[str, Any]) -> None:
        """Write a checkpoint atomically.

        Args:
            job: Facts that must match for the job to resume, as JSON values.
            state: Tensors, numbers, strings, and lists and dicts of them.
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
        """Return the state of the last checkpoint, or None.

        Raises:
            InputError: The checkpoint is unreadable or belongs to another job.
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
                f"The checkpoint {self._path.name} belongs to another job: {changes}. "
                "Give this job a CheckpointConfig with its own S3Uri."
            )
        return state
