"""Topics of a model, from ``topics.json`` in its model.tar.gz."""

import tarfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from topicsmith.core.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEMBER = "topics.json"


class Topic(BaseModel):
    """Topic of a model.

    Attributes:
        topic: Index of the topic in ``topic_weights``.
        npmi: Mean pairwise normalised pointwise mutual information of the ten top words, from -1 to 1.
        topic_uniqueness: Mean over the top words of 1 / (number of topics with the word), up to 1.
        share: Share of the training corpus.
        words: Top words and their probabilities, most probable first.
    """

    model_config = ConfigDict(frozen=True)

    topic: int
    npmi: float
    topic_uniqueness: float
    share: float
    words: tuple[tuple[str, float], ...]

    def top(self, count: int) -> list[str]:
        """Return the ``count`` top words."""
        return [word for word, _ in self.words[:count]]


class TopicModel(BaseModel):
    """All topics of a model, largest share first, and their means."""

    model_config = ConfigDict(frozen=True)

    num_topics: int
    npmi: float
    topic_uniqueness: float
    topics: tuple[Topic, ...]


def read(s3: "S3Client", model_uri: str) -> TopicModel:
    """Read ``topics.json`` from the model.tar.gz at an S3 URI, as a stream.

    Raises:
        OperatorError: The archive is missing or broken, or has no topics.
    """
    from botocore.exceptions import ClientError

    parts = urlsplit(model_uri)
    try:
        body = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"]
    except ClientError as error:
        if not isinstance(error, s3.exceptions.NoSuchKey):
            raise
        raise OperatorError(
            f"{model_uri} no longer exists: it was deleted, manually or by a lifecycle rule."
        ) from error
    try:
        with body, tarfile.open(fileobj=body, mode="r|gz") as archive:
            content = next((_content(archive, m) for m in archive if m.name.removeprefix("./") == _MEMBER), None)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise OperatorError(f"{model_uri} is not a model archive: {error}.") from error
    if content is None:
        raise OperatorError(
            f"{model_uri} has no {_MEMBER}.",
            "Models of the container in containers/ntm have it; models of SageMaker's built-in NTM do not. The run's "
            "report shows their topics.",
        )
    try:
        return TopicModel.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise OperatorError(f"{_MEMBER} in {model_uri} is invalid: {place}: {first['msg']}.") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""
