"""Model artifacts in S3: copied to another environment's bucket, or tagged as promoted in place."""

import base64
import hashlib
import tempfile
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from topicsmith.core.errors import OperatorError, code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

MARK = "true"
_BLOCK = 1 << 20
# Metadata of a copy that identifies its original: S3 changes the ETag with each write.
_ORIGIN, _ORIGIN_ETAG = "promoted-from", "promoted-etag"


def mark_name(environment: str) -> str:
    """Return the key of the tag that lets an environment read an object, through the source's bucket policy."""
    return f"promoted-to-{environment}"


def is_marked(s3: "S3Client", uri: str, environment: str) -> bool:
    """Return whether an environment may read an object.

    Raises:
        OperatorError: The object was deleted.
    """
    return _tags(s3, uri).get(mark_name(environment)) == MARK


def mark(s3: "S3Client", uri: str, environment: str) -> None:
    """Let an environment read an object; other tags of the object are kept."""
    tags = {**_tags(s3, uri), mark_name(environment): MARK}
    bucket, key = _place(uri)
    s3.put_object_tagging(
        Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
    )


def copy(source: "S3Client", target: "S3Client", origin: str, uri: str) -> str:
    """Copy an object between two accounts with separate credentials, and return its SHA-256.

    An existing copy is not overwritten: it is complete, since S3 stores objects atomically and verifies the checksum.

    Args:
        source: Client that reads the object.
        target: Client that writes the copy.
        origin: S3 URI of the object.
        uri: S3 URI of the copy.

    Raises:
        OperatorError: The original was deleted, or the URI of the copy belongs to a different object.
    """
    described = _head(source, origin)
    if described is None:
        raise _gone(origin)
    remembered = {_ORIGIN: origin, _ORIGIN_ETAG: described["ETag"].strip('"')}
    there = _head(target, uri)
    if there is None:
        return _transfer(source, target, origin, uri, remembered)
    if there["Metadata"] != remembered or "ChecksumSHA256" not in there:
        raise OperatorError(
            f"{uri} already exists and is not a copy of the current {origin}.",
            f"If no registered model needs it, delete it and promote again: aws s3 rm {uri}",
        )
    return base64.b64decode(there["ChecksumSHA256"]).hex()


def sha256(s3: "S3Client", uri: str) -> str:
    """Return the SHA-256 of an object.

    Raises:
        OperatorError: The object was deleted.
    """
    with tempfile.TemporaryFile() as file:
        return _fetch(s3, uri, file).hex()


def _transfer(source: "S3Client", target: "S3Client", origin: str, uri: str, remembered: Mapping[str, str]) -> str:
    bucket, key = _place(uri)
    with tempfile.TemporaryFile() as file:
        digest = _fetch(source, origin, file)
        file.seek(0)
        target.put_object(
            Bucket=bucket,
            Key=key,
            Body=file,
            Metadata=remembered,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(digest).decode(),
        )
    return digest.hex()


def _fetch(s3: "S3Client", uri: str, file: IO[bytes]) -> bytes:
    """Download an object to a file and return its SHA-256."""
    from botocore.exceptions import ClientError

    bucket, key = _place(uri)
    digest = hashlib.sha256()
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if not isinstance(error, s3.exceptions.NoSuchKey):
            raise
        raise _gone(uri) from error
    for block in body.iter_chunks(_BLOCK):
        digest.update(block)
        file.write(block)
    return digest.digest()


def _head(s3: "S3Client", uri: str) -> "HeadObjectOutputTypeDef | None":
    from botocore.exceptions import ClientError

    bucket, key = _place(uri)
    try:
        return s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        # A response to HEAD has no body with an error code.
        if code(error) == "404":
            return None
        raise


def _tags(s3: "S3Client", uri: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    bucket, key = _place(uri)
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
    except ClientError as error:
        if code(error) != "NoSuchKey":
            raise
        raise _gone(uri) from error


def _gone(uri: str) -> OperatorError:
    return OperatorError(f"{uri} no longer exists: it was deleted, manually or by a lifecycle rule.")


def _place(uri: str) -> tuple[str, str]:
    """Return the bucket and key of an S3 URI."""
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
