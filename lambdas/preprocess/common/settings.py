"""Typed settings, parsed from the function's event."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from common.errors import CorpusError
from common.s3_uri import S3Uri

MAX_FEATURE_DIM = 1_000_000
"""NTM's limit for ``feature_dim``: https://docs.aws.amazon.com/sagemaker/latest/dg/ntm_hyperparameters.html."""

MAX_HOSTS = 100
"""Above SageMaker's limit for a training job."""

STOP_WORD_LISTS = ("english", "none")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Input, output and parameters of preprocessing.

    Attributes:
        corpus_uri: URI of an object, or of a prefix that ends in ``/``.
        text_columns: Columns joined, in this order, into a document's text.
        id_column: Column of the document IDs. If it is empty or a row lacks it, the row's position is the ID.
        output_uri: Prefix for the output folder, which is specific to the corpus and the settings.
        vocabulary_size: Maximum number of words; the most frequent ones are kept.
        min_document_frequency: Minimum number of training documents that contain a word of the vocabulary.
        max_document_share: Maximum share of the training documents that contain a word of the vocabulary.
        min_word_length: Minimum length of a word, in characters.
        stop_words: ``english`` or ``none``.
        validation_share: Share of the documents held out for early stopping, greater than 0.
        test_share: Share of the documents held out for the evaluation, greater than 0.
        train_shards: Minimum number of training objects, one for each training host.
        word_vectors_uri: File of word vectors for topic quality metrics during training, if any.
    """

    corpus_uri: S3Uri
    text_columns: tuple[str, ...]
    id_column: str
    output_uri: S3Uri
    vocabulary_size: int
    min_document_frequency: int
    max_document_share: float
    min_word_length: int
    stop_words: str
    validation_share: float
    test_share: float
    train_shards: int
    word_vectors_uri: S3Uri | None = None

    @classmethod
    def from_event(cls, event: Mapping[str, object]) -> "Settings":
        """Parse the settings from an event; numbers may be given as strings.

        Raises:
            CorpusError: The event is invalid; the message lists every problem.
        """
        read = _EventReader(event)
        names = [field.name for field in fields(cls)]
        if unknown := sorted(set(event) - set(names)):
            read.problems.append(f"unknown key {', '.join(unknown)} (allowed: {', '.join(names)})")
        settings = cls(
            corpus_uri=read.uri("corpus_uri", key_required=False),
            text_columns=read.columns("text_columns"),
            id_column=read.string("id_column", "").strip(),
            output_uri=read.uri("output_uri", key_required=True),
            vocabulary_size=read.integer("vocabulary_size", 5000, low=2, high=MAX_FEATURE_DIM),
            min_document_frequency=read.integer("min_document_frequency", 5, low=1, high=MAX_FEATURE_DIM),
            max_document_share=read.share("max_document_share", 0.5, one_allowed=True),
            min_word_length=read.integer("min_word_length", 3, low=1, high=100),
            stop_words=read.choice("stop_words", "english", STOP_WORD_LISTS),
            validation_share=read.share("validation_share", 0.1, one_allowed=False),
            test_share=read.share("test_share", 0.1, one_allowed=False),
            train_shards=read.integer("train_shards", 1, low=1, high=MAX_HOSTS),
            word_vectors_uri=read.uri("word_vectors_uri", key_required=True) if "word_vectors_uri" in event else None,
        )
        if settings.validation_share + settings.test_share >= 1:
            read.problems.append(
                f"validation_share {settings.validation_share} + test_share {settings.test_share}: "
                "their sum must be less than 1 to leave documents for training"
            )
        if read.problems:
            raise CorpusError(
                f"The preprocessing settings are invalid: {'; '.join(read.problems)}. They come from the pipeline's "
                "parameters and from the section preprocessing of environments/<environment>.yaml."
            )
        return settings

    def as_event(self) -> dict[str, object]:
        """Return the event that these settings are parsed from."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        uris = {name: str(value) for name, value in values.items() if isinstance(value, S3Uri)}
        given = {name: value for name, value in values.items() if value is not None}
        return {**given, **uris, "text_columns": ",".join(self.text_columns)}


class _EventReader:
    """Reader of an event's keys that collects problems and returns placeholders for invalid values."""

    def __init__(self, event: Mapping[str, object]) -> None:
        self._event = event
        self.problems: list[str] = []

    def _reject(self, name: str, allowed: str) -> None:
        found = f"is {self._event[name]!r}" if name in self._event else "is missing"
        self.problems.append(f"{name} {found}: it must be {allowed}")

    def string(self, name: str, default: str | None = None) -> str:
        value = self._event.get(name, default)
        if not isinstance(value, str):
            self._reject(name, "a string")
            return ""
        return value

    def uri(self, name: str, *, key_required: bool) -> S3Uri:
        value = self._event.get(name)
        uri = S3Uri.parse(value) if isinstance(value, str) else None
        if uri is None or (key_required and not uri.key.strip("/")):
            self._reject(name, "an S3 URI like s3://bucket/key")
            return S3Uri("", "")
        return uri

    def columns(self, name: str) -> tuple[str, ...]:
        columns = tuple(column.strip() for column in self.string(name).split(","))
        if not all(columns) or len(set(columns)) < len(columns):
            self._reject(name, "one or more distinct column names separated by commas, like title,body")
        return columns

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self._number(name, default)
        if value is None or not value.is_integer() or not low <= value <= high:
            self._reject(name, f"an integer from {low} to {high}")
            return default
        return int(value)

    def share(self, name: str, default: float, *, one_allowed: bool) -> float:
        value = self._number(name, default)
        if value is None or not (0 < value < 1 or (one_allowed and value == 1)):
            self._reject(name, f"a number greater than 0 and {'at most' if one_allowed else 'less than'} 1")
            return default
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self._event.get(name, default)
        if value not in allowed:
            self._reject(name, f"one of {', '.join(allowed)}")
            return default
        return str(value)

    def _number(self, name: str, default: float) -> float | None:
        value = self._event.get(name, default)
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", value, re.I | re.A):
            return float(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) if abs(value) < MAX_FEATURE_DIM * 10 else None
        return None
