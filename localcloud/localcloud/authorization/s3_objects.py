"""Permissions of S3 requests beyond their own action: a copy's source, tags, and KMS keys.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import unescape

from moto.s3.models import FakeKey, s3_backends

from localcloud.authorization.resource_policies import bucket_of

# Actions that support the condition key s3:ExistingObjectTag; writing or deleting the object does not. See
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html.
_ALLOWED_BY_TAGS = {
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAcl",
    "s3:GetObjectTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:DeleteObjectTagging",
}


@dataclass(frozen=True)
class Permission:
    """A permission that the caller needs.

    Attributes:
        action: For example ``s3:GetObject``.
        resource: The resource's ARN, ``None`` when unknown.
        context: Condition keys (lower case) in addition to the request's.
    """

    action: str
    resource: str | None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectRequest:
    """A request to S3.

    Attributes:
        action: For example ``s3:GetObject``.
        resource: ARN of the bucket or the object.
        method: HTTP method.
        path: URL path and query.
        headers: HTTP headers.
        body: Request body.
        region: Region it was signed for.
    """

    action: str
    resource: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    region: str

    @property
    def permissions(self) -> Iterator[Permission]:
        """The permissions that the caller needs."""
        version = parse_qs(urlsplit(self.path).query).get("versionId", [None])[0]
        if self.method == "POST" and self.action == "s3:DeleteObject":
            keys = re.findall(r"<Key>(.*?)</Key>", self.body.decode())
            yield from (Permission(self.action, f"{self.resource}/{unescape(key)}") for key in keys)
            return
        yield _with_tags(self.action, self.resource, version)
        if self.method == "GET" and self.action in ("s3:GetObject", "s3:GetObjectVersion"):
            yield from self._reading(self.resource, version)
        if self.action == "s3:PutObject":
            yield from self._writing()
            if self.headers.get("x-amz-copy-source"):
                yield from self._copying()
            elif self.headers.get("x-amz-tagging"):
                yield Permission("s3:PutObjectTagging", self.resource)

    def _reading(self, arn: str, version: str | None) -> Iterator[Permission]:
        stored = _stored(arn, version)
        if stored and stored.kms_key_id:
            yield self._of_key("kms:Decrypt", stored.kms_key_id, arn, stored.bucket_key_enabled)

    def _writing(self) -> Iterator[Permission]:
        bucket = bucket_of(self.resource)
        rule = (bucket.encryption or {}).get("Rule", {}) if bucket else {}
        default = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
        key = self.headers.get("x-amz-server-side-encryption-aws-kms-key-id") or default
        if not key:
            return
        by_bucket = self.headers.get("x-amz-server-side-encryption-bucket-key-enabled") or rule.get("BucketKeyEnabled")
        yield self._of_key("kms:GenerateDataKey", key, self.resource, by_bucket)
        if "uploadId=" in self.path or "uploads" in self.path:
            yield self._of_key("kms:Decrypt", key, self.resource, by_bucket)

    def _copying(self) -> Iterator[Permission]:
        """Yield the permissions to read a copy's source, and to copy its tags unless the request replaces them."""
        source = urlsplit(self.headers["x-amz-copy-source"])
        version = parse_qs(source.query).get("versionId", [None])[0]
        arn = f"arn:aws:s3:::{unquote(source.path).lstrip('/')}"
        yield _with_tags("s3:GetObjectVersion" if version else "s3:GetObject", arn, version)
        yield from self._reading(arn, version)
        if self.headers.get("x-amz-tagging-directive") == "REPLACE":
            tagged = bool(self.headers.get("x-amz-tagging"))
        elif tagged := "partNumber=" not in self.path and bool(_tags(arn, version)):
            yield _with_tags("s3:GetObjectTagging", arn, version)
        if tagged:
            yield Permission("s3:PutObjectTagging", self.resource)

    def _of_key(self, action: str, key_id: str, object_arn: str, by_bucket: object) -> Permission:
        """Return a permission on an object's key; with a bucket key, the encryption context is the bucket's ARN."""
        bucket = bucket_of(object_arn)
        account = bucket.account_id if bucket else ""
        arn = key_id if key_id.startswith("arn:") else f"arn:aws:kms:{self.region}:{account}:key/{key_id}"
        encrypted = object_arn.partition("/")[0] if str(by_bucket).lower() == "true" else object_arn
        context = {
            "kms:viaservice": f"s3.{self.region}.amazonaws.com",
            "kms:encryptioncontext:aws:s3:arn": encrypted,
            "aws:viaawsservice": "true",
        }
        return Permission(action, arn, context)


def _with_tags(action: str, arn: str, version: str | None) -> Permission:
    tags = _tags(arn, version) if action in _ALLOWED_BY_TAGS else {}
    return Permission(action, arn, {f"s3:existingobjecttag/{name.lower()}": value for name, value in tags.items()})


def _stored(arn: str, version: str | None) -> FakeKey | None:
    bucket, key = bucket_of(arn), arn.partition("/")[2]
    return s3_backends[bucket.account_id]["aws"].get_object(bucket.name, key, version) if bucket and key else None


def _tags(arn: str, version: str | None) -> dict[str, str]:
    bucket, stored = bucket_of(arn), _stored(arn, version)
    if bucket is None or stored is None:
        return {}
    listed = s3_backends[bucket.account_id]["aws"].get_object_tagging(stored)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}
