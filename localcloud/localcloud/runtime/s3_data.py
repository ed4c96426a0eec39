"""Downloads from S3 to containers' directories and uploads back, with the permissions of the job's role."""

import contextlib
import errno
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession


class DataError(LocalCloudError):
    """A download or upload failed; the message is worded as a job's failure reason."""


@dataclass(frozen=True)
class S3Uri:
    """``s3://bucket/key``."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Uri":
        """Parse a URI into its bucket and key (or prefix).

        Raises:
            DataError: It is not an S3 URI.
        """
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not separator or not bucket:
            raise DataError(f"Invalid S3 URI {uri!r}: it must be s3://<bucket>/<key>.")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> "S3Uri":
        return S3Uri(self.bucket, "/".join(part for part in (self.key.rstrip("/"), name) if part))


def channel_objects(session: RoleSession, channel: dict[str, Any], host: int, hosts: int) -> list[tuple[S3Uri, str]]:
    """Return a host's objects of an input channel, sorted, with their names relative to the channel's directory.

    Args:
        session: Session of the job's role.
        channel: An element of ``InputDataConfig``.
        host: Index of the host, from 0.
        hosts: Number of hosts; with ``ShardedByS3Key`` each gets a share of the objects.

    Raises:
        DataError: There are no objects, access is denied, or the type of data source is not supported.
    """
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise DataError(f"Channel {channel['ChannelName']!r} has no S3DataSource; other sources are not supported.")
    try:
        objects = sorted(_objects(session.client("s3"), source), key=lambda found: found[0].key)
    except (ClientError, BotoCoreError) as error:
        raise DataError(f"{_nothing_found(source['S3Uri'], session)} {error}") from error
    if not objects:
        raise DataError(_nothing_found(source["S3Uri"], session))
    return objects[host::hosts] if source.get("S3DataDistributionType") == "ShardedByS3Key" else objects


def download_channel(session: RoleSession, objects: Sequence[tuple[S3Uri, str]], target: Path) -> None:
    """Download a channel's objects to its directory, ``input/data/<channel>``, as in File mode.

    To a program, FastFile mode looks the same.

    Raises:
        DataError: An object cannot be read.
    """
    client = session.client("s3")
    target.mkdir(parents=True, exist_ok=True)
    for uri, name in objects:
        with _data_errors(f"Data download failed: {uri}"):
            _download(client, uri, _inside(target, name))


def download_prefix(session: RoleSession, uri: S3Uri, target: Path) -> None:
    """Download the objects below a prefix, if any, to ``target``.

    Raises:
        DataError: An object cannot be read.
    """
    client = session.client("s3")
    folder = S3Uri(uri.bucket, f"{uri.key.rstrip('/')}/")
    with _data_errors(f"Data download failed: {uri}"):
        for found, name in _under_prefix(client, folder):
            _download(client, found, _inside(target, name))


def download_file(session: RoleSession, uri: str, target: Path) -> None:
    """Download one object to ``target``.

    Raises:
        DataError: The object does not exist or cannot be read.
    """
    try:
        _download(session.client("s3"), S3Uri.parse(uri), target)
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code in ("NoSuchKey", "NoSuchBucket"):
            raise DataError(f"Could not find model data at {uri}.") from error
        raise DataError(
            f"Could not access model data at {uri}. Please ensure that the role {session.role_arn!r} exists and that "
            f"its policies allow s3:GetObject on the object and kms:Decrypt on its key. {error}"
        ) from error


def upload_archive(session: RoleSession, directories: Sequence[Path], uri: S3Uri, kms_key_id: str | None) -> bool:
    """Upload the contents of directories as one ``tar.gz``, unless all are empty.

    Returns:
        Whether an archive was uploaded.

    Raises:
        DataError: The upload failed.
    """
    members = [(path, path.name) for directory in directories for path in sorted(directory.iterdir())]
    if not members:
        return False
    archive = directories[0].with_name(f".{uri.key.rpartition('/')[2]}")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    try:
        with _data_errors(f"Artifact upload failed: {uri}"):
            with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                for path, name in members:
                    tar.add(path, name)
            with archive.open("rb") as body:
                session.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body, **encryption)
    finally:
        archive.unlink(missing_ok=True)
    return True


def upload_file(session: RoleSession, path: Path, uri: S3Uri) -> None:
    """Upload one file, unless it no longer exists.

    Raises:
        DataError: The upload failed.
    """
    with _data_errors(f"Upload failed: {uri}"), contextlib.suppress(FileNotFoundError), path.open("rb") as body:
        session.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body)


def delete_object(session: RoleSession, uri: S3Uri) -> None:
    """Delete one object.

    Raises:
        DataError: The object cannot be deleted.
    """
    with _data_errors(f"Deletion failed: {uri}"):
        session.client("s3").delete_object(Bucket=uri.bucket, Key=uri.key)


def unpack_archive(archive: Path, target: Path) -> None:
    """Unpack a ``tar.gz`` into ``target``.

    Raises:
        DataError: It is not a valid archive, or a member would be written outside ``target``.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"Model data {archive.name} cannot be unpacked: {error}") from error


@contextlib.contextmanager
def _data_errors(what: str) -> Iterator[None]:
    """Raise S3's errors and a full disk as :class:`DataError`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DataError(f"{what}: {error}") from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DataError(f"{what}: No space left on device. Increase VolumeSizeInGB.") from error


def _objects(client: Any, source: dict[str, Any]) -> Iterator[tuple[S3Uri, str]]:
    """Yield each object of a channel with its name relative to the channel's directory."""
    uri = S3Uri.parse(source["S3Uri"])
    match source.get("S3DataType", "S3Prefix"):
        case "S3Prefix":
            yield from _under_prefix(client, uri)
        case "ManifestFile":
            document = json.load(client.get_object(Bucket=uri.bucket, Key=uri.key)["Body"])
            prefix, names = S3Uri.parse(document[0]["prefix"]), document[1:]
            yield from ((S3Uri(prefix.bucket, prefix.key + name), name) for name in names)
        case other:
            raise DataError(f"S3DataType {other!r} is not supported; use S3Prefix or ManifestFile.")


def _under_prefix(client: Any, uri: S3Uri) -> Iterator[tuple[S3Uri, str]]:
    folder = f"{uri.key.rstrip('/')}/" if uri.key else ""
    parent = uri.key[: uri.key.rfind("/") + 1]
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=uri.bucket, Prefix=uri.key):
        for found in page.get("Contents", []):
            key = found["Key"]
            if not key.endswith("/"):
                yield S3Uri(uri.bucket, key), key.removeprefix(folder if key.startswith(folder) else parent)


def _download(client: Any, uri: S3Uri, target: Path) -> None:
    body = client.get_object(Bucket=uri.bucket, Key=uri.key)["Body"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(body, file, 1024 * 1024)


def _inside(directory: Path, name: str) -> Path:
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts:
        raise DataError(f"The S3 key {name!r} would be written outside the channel's directory.")

    return directory / path


def _nothing_found(uri: str, session: RoleSession) -> str:
    bucket = S3Uri.parse(uri).bucket
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({session.region}), that objects exist under that S3 prefix, and that the role "
        f'"{session.role_arn}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
