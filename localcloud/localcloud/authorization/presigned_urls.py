"""Presigned URLs of Amazon S3, which carry the authentication in their query.

See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html; boto3 also writes the older form.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class PresignedUrl:
    """The signer of a URL.

    Attributes:
        scope: Access key, date, region and service, in the form of the ``Authorization`` header.
        token: Session token of a role's credentials.
    """

    scope: str
    token: str | None

    @classmethod
    def of(cls, url: str, region: str) -> "PresignedUrl | None":
        """Return the signer of a URL, or ``None`` if it is not presigned.

        Args:
            url: URL with its query.
            region: Region for URLs of the older form, which name none.
        """
        query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if query.get("x-amz-credential", "").count("/") == 4 and "x-amz-signature" in query:
            return cls(query["x-amz-credential"], query.get("x-amz-security-token"))
        if "awsaccesskeyid" in query and "signature" in query:
            return cls(f"{query['awsaccesskeyid']}/0/{region}/s3/aws4_request", query.get("x-amz-security-token"))
        return None

    @property
    def access_key_id(self) -> str:
        """Access key of the signer."""
        return self.scope.partition("/")[0]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers of an equivalent request; their signature cannot be checked."""
        token = [("X-Amz-Security-Token", self.token)] if self.token else []
        return [("Authorization", f"AWS4-HMAC-SHA256 Credential={self.scope}, SignedHeaders=host, Signature="), *token]
