"""How good a run's model is, as the ``evaluation.json`` of its Evaluate step tells it."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from topicsmith.core.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DOCUMENT = "evaluation.json"
REPORT = "report.html"


class _Part(BaseModel):
    # What is not named here is kept: --json prints all that the evaluation says.
    model_config = ConfigDict(frozen=True, extra="allow")


class Metrics(_Part):
    """The quality of a model, measured on the documents that were held out.

    Attributes:
        npmi: mean pairwise normalised pointwise mutual information of the topics' ten top words, from -1 to 1.
        c_v: the coherence of Röder et al., from 0 to 1.
        topic_uniqueness: mean over the top words of 1 / (number of topics that have the word), up to 1.
        topic_diversity: the share of different words among the 25 top words of all topics.
        perplexity: of a held-out word; less is better.
        wetc: coherence by word vectors, where there are any.
    """

    npmi: float
    c_v: float
    topic_uniqueness: float
    topic_diversity: float
    perplexity: float
    wetc: float | None = None


class Baseline(Metrics):
    """The quality of an LDA with the same number of topics and vocabulary."""

    model: str


class Check(_Part):
    """One threshold of the gate."""

    metric: str
    value: float
    threshold: float
    kind: Literal["at_least", "at_most"]
    passed: bool

    def __str__(self) -> str:
        wanted = {"at_least": "at least", "at_most": "at most"}[self.kind]
        return f"{self.metric} {self.value:.3f} ({wanted} {self.threshold:g})"


class Gate(_Part):
    """The gate's verdict.

    Attributes:
        reason: what was below or above its threshold, in a sentence.
    """

    passed: bool
    reason: str
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        if not self.passed:
            return f"rejected: {self.reason}"
        return f"passed: {', '.join(map(str, self.checks))}"


class Evaluation(_Part):
    """A model's quality beside that of the baseline, and whether the gate lets it pass."""

    metrics: Metrics
    baseline: Baseline
    gate: Gate


def read(s3: "S3Client", uri: str) -> Evaluation:
    """Return the evaluation that lies under an S3 URI.

    Raises:
        OperatorError: it is gone, or is not one.
    """
    place = f"{uri.rstrip('/')}/{DOCUMENT}"
    try:
        return Evaluation.model_validate_json(fetch(s3, uri, DOCUMENT))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise OperatorError(f"{place} is not as it should be: {key}: {first['msg']}.") from error


def fetch(s3: "S3Client", uri: str, name: str) -> bytes:
    """Return the file ``name`` of the evaluation that lies under an S3 URI.

    Raises:
        OperatorError: it is not there any more.
    """
    from botocore.exceptions import ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/{name}"
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if not isinstance(error, s3.exceptions.NoSuchKey):
            raise
        raise OperatorError(f"s3://{bucket}/{key} is not there any more: somebody removed it.") from error
