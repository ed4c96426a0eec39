"""Pipe mode: a channel's objects are streamed through named pipes instead of stored in a directory.

The pipe of epoch n is ``input/data/<channel>_<n>``. It streams all objects from the start; the next epoch's pipe
exists once a reader has opened this one:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html.
"""

import contextlib
import errno
import gzip
import itertools
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import DataError, S3Uri

_CHUNK = 1024 * 1024
_POLL_SECONDS = 0.02
_RECORDIO_MAGIC = 0xCED7230A


class PipeFeed:
    """Feed of one channel on one host, epoch by epoch, until it is closed."""

    def __init__(
        self,
        session: RoleSession,
        channel: dict[str, Any],
        objects: Sequence[S3Uri],
        target: Path,
        on_failure: Callable[[], None],
    ):
        """Create the first epoch's pipe and wait for its reader in a thread.

        Args:
            session: Session of the job's role.
            channel: An element of ``InputDataConfig``.
            objects: This host's objects.
            target: Path of the pipes, without the epoch.
            on_failure: Called when an object cannot be read; ``failure`` is the reason.
        """
        self.failure: DataError | None = None
        self._session, self._channel, self._objects, self._target = session, channel, objects, target
        self._on_failure = on_failure
        self._closed = threading.Event()
        self._make(0)
        self._thread = threading.Thread(target=self._run, name=f"pipe {channel['ChannelName']}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the feed and remove its pipes, after their readers have ended."""
        self._closed.set()
        self._thread.join()
        for path in self._target.parent.glob(f"{self._target.name}_*"):
            if path.is_fifo():
                path.unlink()

    def _make(self, epoch: int) -> Path:
        path = self._target.with_name(f"{self._target.name}_{epoch}")
        path.unlink(missing_ok=True)  # A killed local cloud may have left it.
        os.mkfifo(path)
        return path

    def _run(self) -> None:
        path = self._target.with_name(f"{self._target.name}_0")
        for epoch in itertools.count(1):
            pipe = self._open(path)
            if pipe is None:
                return
            following = self._make(epoch)
            # A reader may stop before the end, or be gone.
            with contextlib.suppress(BrokenPipeError), pipe:
                self._send(pipe)
            path.unlink()
            if self.failure:
                self._on_failure()
                return
            path = following

    def _open(self, path: Path) -> IO[bytes] | None:
        """Return the pipe once it has a reader, or None if the feed is closed first."""
        # A blocking open would wait forever for a program that reads nothing.
        while not self._closed.is_set():
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                self._closed.wait(_POLL_SECONDS)
            else:
                os.set_blocking(descriptor, True)
                return open(descriptor, "wb")  # noqa: PTH123
        return None

    def _send(self, pipe: IO[bytes]) -> None:
        client = self._session.client("s3")
        for uri in self._objects:
            try:
                body = client.get_object(Bucket=uri.bucket, Key=uri.key)["Body"]
                content = gzip.GzipFile(fileobj=body) if self._channel.get("CompressionType") == "Gzip" else body
                if self._channel.get("RecordWrapperType") == "RecordIO":
                    pipe.write(_record(content.read()))
                else:
                    shutil.copyfileobj(content, pipe, _CHUNK)
            except (ClientError, BotoCoreError, gzip.BadGzipFile, zlib.error, EOFError) as error:
                # Record the failure before the pipe ends, because its reader then fails, too.
                self.failure = DataError(f"Data download failed: {uri}: {error}")
                return


def _record(content: bytes) -> bytes:
    """Return an object as one record of MXNet's RecordIO."""
    return struct.pack("<II", _RECORDIO_MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)
