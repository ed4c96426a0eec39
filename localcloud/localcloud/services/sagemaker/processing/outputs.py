"""Upload of a processing job's outputs to S3."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import DataError, S3Uri

_CONTINUOUS_SECONDS = 2.0
_NEVER = float("inf")


class OutputUpload:
    """One output of one host.

    Args:
        session: Session of the job's role.
        output: ``S3Output`` of the request.
        directory: Directory that the container writes to.
        kms_key_id: Key that encrypts the objects; None for the bucket's default.
    """

    def __init__(self, session: RoleSession, output: Mapping[str, Any], directory: Path, kms_key_id: str | None):
        self._session = session
        self._target = S3Uri.parse(output["S3Uri"])
        self._continuous = output.get("S3UploadMode") == "Continuous"
        self._directory = directory
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        self._sent: dict[Path, tuple[int, int]] = {}

    @property
    def pause_seconds(self) -> float:
        """Maximum time between two updates."""
        return _CONTINUOUS_SECONDS if self._continuous else _NEVER

    def update(self) -> None:
        """Upload new files while the container runs, in continuous mode.

        Raises:
            DataError: An object cannot be written.
        """
        if self._continuous:
            self._put_new()

    def finish(self) -> None:
        """Upload the remaining files.

        Raises:
            DataError: An object cannot be written.
        """
        self._put_new()

    def _put_new(self) -> None:
        client = self._session.client("s3")
        for path in sorted(path for path in self._directory.rglob("*") if path.is_file()):
            state = path.stat()
            version = (state.st_mtime_ns, state.st_size)
            if self._sent.get(path) != version:
                self._put(client, path)
                self._sent[path] = version

    def _put(self, client: Any, path: Path) -> None:
        uri = self._target / path.relative_to(self._directory).as_posix()
        try:
            with path.open("rb") as body:
                client.put_object(Bucket=uri.bucket, Key=uri.key, Body=body, **self._encryption)
        except (ClientError, BotoCoreError) as error:
            raise DataError(f"Output upload failed: {uri}: {error}") from error
