"""Checkpoints of a training job: a directory on each host that is synchronized to S3 while the job runs.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html.
"""

import threading
from pathlib import Path, PurePosixPath

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import DataError, S3Uri, delete_object, download_prefix, upload_file

_DEFAULT_PATH = "/opt/ml/checkpoints"
_MACHINE = PurePosixPath("/opt/ml")
_SYNC_SECONDS = 2.0

_State = tuple[int, int]


class CheckpointPathError(LocalCloudError, ValueError):
    """A ``LocalPath`` is not supported by the local cloud."""


def checkpoint_directory(config: dict[str, str]) -> PurePosixPath:
    """Return the checkpoint directory relative to ``/opt/ml``.

    Raises:
        CheckpointPathError: ``LocalPath`` is not below ``/opt/ml``.
    """
    path = PurePosixPath(config.get("LocalPath") or _DEFAULT_PATH)
    if ".." in path.parts or not path.is_relative_to(_MACHINE) or path == _MACHINE:
        raise CheckpointPathError(
            f"CheckpointConfig.LocalPath {str(path)!r} is not supported: the local cloud only has directories below "
            f"{_MACHINE}."
        )
    return path.relative_to(_MACHINE)


class CheckpointSync:
    """Checkpoints of one host: downloaded from S3 at the start, then uploaded as they are written and deleted.

    Args:
        session: Session of the job's role.
        uri: Their prefix in S3, shared by all hosts.
        directory: The host's checkpoint directory.

    Attributes:
        failure: The error of a failed upload or deletion.
    """

    def __init__(self, session: RoleSession, uri: S3Uri, directory: Path):
        self._session = session
        self._uri = uri
        self._directory = directory
        self._kept: dict[Path, _State] = {}
        self._seen: dict[Path, _State] = {}
        self.failure: DataError | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def restore(self) -> None:
        """Download an earlier job's checkpoints, and start uploading new ones.

        Raises:
            DataError: The checkpoints are not readable.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        download_prefix(self._session, self._uri, self._directory)
        self._kept = self._files()
        self._thread = threading.Thread(target=self._follow, name=f"checkpoints to {self._uri}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Synchronize the remaining checkpoints and stop."""
        if self._thread is None:
            return
        self._ending.set()
        self._thread.join()
        self._thread = None
        files = self._files()
        self._synchronize(files, files)

    def _follow(self) -> None:
        while not self._ending.wait(_SYNC_SECONDS):
            self.look()

    def look(self) -> None:
        """Upload the files that have not changed since the last look, as others may be half written; delete others."""
        files = self._files()
        self._synchronize({path: state for path, state in files.items() if self._seen.get(path) == state}, files)
        self._seen = files

    def _synchronize(self, written: dict[Path, _State], present: dict[Path, _State]) -> None:
        """Upload what was written and delete in S3 what is no longer present."""
        try:
            for path, state in written.items():
                if self._kept.get(path) != state:
                    upload_file(self._session, path, self._key_of(path))
                    self._kept[path] = state
            for path in self._kept.keys() - present.keys():
                delete_object(self._session, self._key_of(path))
                del self._kept[path]
        except DataError as failure:
            self.failure = failure

    def _key_of(self, path: Path) -> S3Uri:
        return self._uri / path.relative_to(self._directory).as_posix()

    def _files(self) -> dict[Path, _State]:
        found = {}
        for path in sorted(self._directory.rglob("*")):
            try:
                status = path.stat()
            except FileNotFoundError:  # Renamed or deleted since.
                continue
            if path.is_file():
                found[path] = (status.st_mtime_ns, status.st_size)
        return found
