"""Presigned S3 URLs, which carry authentication in the query string instead of the headers.

boto3 also writes the older form (SigV2).
See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class PresignedUrl:
    """Signer of a presigned URL.

    Attributes:
        scope: Credential scope as in the Authorization header: the access key with date, region and service.
        token: Session token of temporary credentials.
    """

    scope: str
    token: str | None

    @classmethod
    def of(cls, url: str, region: str) -> "PresignedUrl | None":
        """Return the signer of a URL, or ``None`` if it is not presigned.

        Args:
            url: The URL, including its query string.
            region: Region of URLs that name none (the older form).
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
        """Headers equivalent to the URL's credentials; their signature is empty and cannot be verified."""
        token = [("X-Amz-Security-Token", self.token)] if self.token else []
        return [("Authorization", f"AWS4-HMAC-SHA256 Credential={self.scope}, SignedHeaders=host, Signature="), *token]
