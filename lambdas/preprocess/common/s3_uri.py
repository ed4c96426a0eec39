"""S3 URIs."""

import re
from typing import NamedTuple


class S3Uri(NamedTuple):
    """S3 location. ``key`` is an object key or a prefix; it is empty for the whole bucket."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Uri | None":
        """Parse a URI; return None if it is not an S3 URI."""
        match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", uri, re.DOTALL)
        return match and cls(match[1], match[2] or "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> "S3Uri":
        """Return the location ``name`` below this one."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key else name)
