"""``s3://bucket/key``."""

import re
from typing import NamedTuple


class S3Uri(NamedTuple):
    """A place in S3; ``key`` may be empty (the whole bucket) and may name an object or a prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Uri | None":
        """Return the place that ``uri`` names, or ``None`` when it names none."""
        match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", uri, re.DOTALL)
        return match and cls(match[1], match[2] or "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> "S3Uri":
        """Return the place called ``name`` below this one."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key else name)
