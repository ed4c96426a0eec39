"""Data between S3 and the directories that containers see, with the permissions of the job's role."""

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
    """Data could not be brought or put; the message says why, as a job's failure reason would."""


@dataclass(frozen=True)
class S3Uri:
    """``s3://bucket/key``."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Uri":
        """Return the bucket and the key (or prefix) of a URI.

        Raises:
            DataError: it is not an S3 URI.
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
    """Return one host's objects of an input channel, each with its name below the channel's directory, in order.

    Args:
        session: the job's role.
        channel: an element of ``InputDataConfig``.
        host: this host's number, from 0.
        hosts: how many there are; with ``ShardedByS3Key`` each gets its share of the objects.

    Raises:
        DataError: nothing is there, something may not be read, or the source is of a kind that is not supported.
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
    """Bring a channel's objects to its directory, ``input/data/<channel>``, as File mode does.

    FastFile mode looks the same to a program: files of these names.

    Raises:
        DataError: an object may not be read.
    """
    client = session.client("s3")
    target.mkdir(parents=True, exist_ok=True)
    for uri, name in objects:
        with _data_errors(f"Data download failed: {uri}"):
            _download(client, uri, _inside(target, name))


def download_prefix(session: RoleSession, uri: S3Uri, target: Path) -> None:
    """Bring the objects below a prefix to ``target``; there may be none.

    Raises:
        DataError: one may not be read.
    """
    client = session.client("s3")
    folder = S3Uri(uri.bucket, f"{uri.key.rstrip('/')}/")
    with _data_errors(f"Data download failed: {uri}"):
        for found, name in _under_prefix(client, folder):
            _download(client, found, _inside(target, name))


def download_file(session: RoleSession, uri: str, target: Path) -> None:
    """Bring one object to ``target``.

    Raises:
        DataError: it is not there or may not be read.
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
    """Pack directories together as ``tar.gz`` and put it to S3; nothing happens when all are empty.

    Returns:
        Whether there was something.

    Raises:
        DataError: it may not be written.
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
    """Put one file; nothing happens when it is gone.

    Raises:
        DataError: it may not be written.
    """
    with _data_errors(f"Upload failed: {uri}"), contextlib.suppress(FileNotFoundError), path.open("rb") as body:
        session.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body)


def unpack_archive(archive: Path, target: Path) -> None:
    """Unpack a ``tar.gz`` under ``target``; members that would leave it are refused.

    Raises:
        DataError: it is not such an archive, or not a harmless one.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"Model data {archive.name} cannot be unpacked: {error}") from error


@contextlib.contextmanager
def _data_errors(what: str) -> Iterator[None]:
    """Turn what S3 refuses, and a disk that is full, into the reason that a job fails with."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DataError(f"{what}: {error}") from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DataError(f"{what}: No space left on device. Increase VolumeSizeInGB.") from error


def _objects(client: Any, source: dict[str, Any]) -> Iterator[tuple[S3Uri, str]]:
    """Yield each object of a channel with its name below the channel's directory."""
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
        raise DataError(f"The S3 key {name!r} leads out of the channel's directory.")
    return directory / path


def _nothing_found(uri: str, session: RoleSession) -> str:
    bucket = S3Uri.parse(uri).bucket
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({session.region}), that objects exist under that S3 prefix, and that the role "
        f'"{session.role_arn}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
