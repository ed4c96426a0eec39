"""Report of preprocessing, from a run's ``meta.json``."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from topicsmith.core.output import printable
from topicsmith.runs.runs import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Malformed(BaseModel):
    """Malformed rows with the same reason.

    Attributes:
        rows: Number of rows.
        first: Locations of the first few of them.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    first: tuple[str, ...]


class PreprocessingReport(BaseModel):
    """Number of rows read, of documents kept, and of rows left out by reason.

    Attributes:
        rows: Rows of the corpus.
        malformed_rows: Rows that could not be parsed.
        malformed: Malformed rows by reason.
        empty_documents: Documents without a word.
        documents_without_vocabulary_words: Documents whose words are all too rare or too frequent.
        documents: Documents that remain.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    malformed_rows: int
    malformed: dict[str, Malformed]
    empty_documents: int
    documents_without_vocabulary_words: int
    documents: int

    def lines(self) -> list[str]:
        """Return lines that describe the rows left out; none if all were kept."""
        if self.documents == self.rows:
            return []
        head = f"{self.documents:,} of {self.rows:,} rows are in the model's corpus. Left out:"
        reasons = [
            printable(f"{malformed.rows:,} malformed: {reason}, for example {', '.join(malformed.first[:3])}")
            for reason, malformed in self.malformed.items()
        ]
        if self.empty_documents:
            reasons.append(f"{self.empty_documents:,} without a word")
        if self.documents_without_vocabulary_words:
            reasons.append(f"{self.documents_without_vocabulary_words:,} without a word of the vocabulary")
        return [head, *(f"  {reason}" for reason in reasons)]


def read(s3: "S3Client", run: Run) -> PreprocessingReport | None:
    """Return the report of a run, or None if it does not exist (yet) or cannot be read."""
    from botocore.exceptions import ClientError

    uri = next((step.outputs["meta_uri"] for step in run.steps if "meta_uri" in step.outputs), None)
    if uri is None:
        return None
    place = urlsplit(uri)
    try:
        content = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
        return PreprocessingReport.model_validate_json(content)
    except (ClientError, ValidationError):
        # The report only supplements the status of the run.
        return None
