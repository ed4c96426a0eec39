"""What preprocessing left out of a corpus, as the ``meta.json`` of a run tells it."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from topicsmith.core.output import printable
from topicsmith.runs.runs import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Malformed(BaseModel):
    """Rows that could not be used for one reason.

    Attributes:
        rows: how many.
        first: where the first few of them are.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    first: tuple[str, ...]


class PreprocessingReport(BaseModel):
    """How many rows were read and how many of them are documents of the model, and why the others are not.

    Attributes:
        rows: rows of the corpus.
        malformed_rows: those that could not be used.
        malformed: those, by reason.
        empty_documents: documents without a word.
        documents_without_vocabulary_words: documents whose words are all too rare or too frequent.
        documents: the documents that remain.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    malformed_rows: int
    malformed: dict[str, Malformed]
    empty_documents: int
    documents_without_vocabulary_words: int
    documents: int

    def lines(self) -> list[str]:
        """Return what was left out, in lines for a reader; none where nothing was."""
        if self.documents == self.rows:
            return []
        head = f"Of {self.rows:,} rows {self.documents:,} are documents of the model. Left out:"
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
    """Return the report of a run; None where there is none (yet), or where it cannot be read."""
    from botocore.exceptions import ClientError

    uri = next((step.outputs["meta_uri"] for step in run.steps if "meta_uri" in step.outputs), None)
    if uri is None:
        return None
    place = urlsplit(uri)
    try:
        content = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
        return PreprocessingReport.model_validate_json(content)
    except (ClientError, ValidationError):
        # It adds to what is known of the run, which is told either way.
        return None
