"""Evaluation of a run's model, from the Evaluate step's ``evaluation.json``."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from topicsmith.core.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DOCUMENT = "evaluation.json"
REPORT = "report.html"


class _Part(BaseModel):
    # --json prints the whole document, including keys that are not declared here.
    model_config = ConfigDict(frozen=True, extra="allow")


class Metrics(_Part):
    """Quality of a model, measured on held-out documents.

    Attributes:
        npmi: Mean pairwise normalised pointwise mutual information of the topics' ten top words, from -1 to 1.
        c_v: C_V coherence of Röder et al., from 0 to 1.
        topic_uniqueness: Mean over the top words of 1 / (number of topics with the word), up to 1.
        topic_diversity: Share of distinct words among the 25 top words of all topics.
        perplexity: Perplexity per held-out word; lower is better.
        wetc: Word-embedding topic coherence; None without word vectors.
    """

    npmi: float
    c_v: float
    topic_uniqueness: float
    topic_diversity: float
    perplexity: float
    wetc: float | None = None


class Baseline(Metrics):
    """Quality of an LDA baseline with the same number of topics and vocabulary."""

    model: str


class Check(_Part):
    """Result of comparing a metric with a threshold of the gate."""

    metric: str
    value: float
    threshold: float
    kind: Literal["at_least", "at_most"]
    passed: bool

    def __str__(self) -> str:
        wanted = {"at_least": "at least", "at_most": "at most"}[self.kind]
        return f"{self.metric} {self.value:.3f} ({wanted} {self.threshold:g})"


class Gate(_Part):
    """Verdict of the gate.

    Attributes:
        reason: Explanation of the failed thresholds.
    """

    passed: bool
    reason: str
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        if not self.passed:
            return f"rejected: {self.reason}"
        return f"passed: {', '.join(map(str, self.checks))}"


class Evaluation(_Part):
    """Quality of a model and of the baseline, and the verdict of the gate."""

    metrics: Metrics
    baseline: Baseline
    gate: Gate


def read(s3: "S3Client", uri: str) -> Evaluation:
    """Return the evaluation under an S3 URI.

    Raises:
        OperatorError: The evaluation was deleted or is invalid.
    """
    place = f"{uri.rstrip('/')}/{DOCUMENT}"
    try:
        return Evaluation.model_validate_json(fetch(s3, uri, DOCUMENT))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise OperatorError(f"{place} is invalid: {key}: {first['msg']}.") from error


def fetch(s3: "S3Client", uri: str, name: str) -> bytes:
    """Return the file ``name`` of the evaluation under an S3 URI.

    Raises:
        OperatorError: The file was deleted.
    """
    from botocore.exceptions import ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/{name}"
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if not isinstance(error, s3.exceptions.NoSuchKey):
            raise
        raise OperatorError(f"s3://{bucket}/{key} no longer exists: it was deleted manually.") from error
