"""Presigned URLs of S3, which say in their query what a request says in its headers.

See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html; boto3 writes the older form, too.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class PresignedUrl:
    """Who signed a URL.

    Attributes:
        scope: the signer's access key with date, region and service, as the Authorization header has them.
        token: the session token of a role's credentials.
    """

    scope: str
    token: str | None

    @classmethod
    def of(cls, url: str, region: str) -> "PresignedUrl | None":
        """Return what a URL says of its signer; ``None`` where it is not presigned.

        Args:
            url: with its query.
            region: the region of a URL that names none, as those of the older form.
        """
        query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if query.get("x-amz-credential", "").count("/") == 4 and "x-amz-signature" in query:
            return cls(query["x-amz-credential"], query.get("x-amz-security-token"))
        if "awsaccesskeyid" in query and "signature" in query:
            return cls(f"{query['awsaccesskeyid']}/0/{region}/s3/aws4_request", query.get("x-amz-security-token"))
        return None

    @property
    def access_key_id(self) -> str:
        """The signer's access key."""
        return self.scope.partition("/")[0]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of a request of the same signer, whose signature cannot be checked."""
        token = [("X-Amz-Security-Token", self.token)] if self.token else []
        return [("Authorization", f"AWS4-HMAC-SHA256 Credential={self.scope}, SignedHeaders=host, Signature="), *token]
