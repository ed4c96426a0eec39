"""What a request for inference may hold, and how it becomes word counts."""

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

import numpy as np

from ntm.bag_of_words import BagOfWords, bag_of_words, concatenate
from ntm.csv_rows import read_csv
from ntm.errors import InputError
from ntm.recordio import stream_recordio
from ntm.text import TextReader

_SHAPES = (
    'a text, {"text": ...}, {"features": [...]}, {"data": {"features": {"values": [...]}}} '
    'or {"data": {"features": {"keys": [...], "shape": [...], "values": [...]}}}'
)


class UnsupportedMediaType(InputError):
    """The request's content type is not one that the model reads."""


class RequestReader:
    """Reads requests for one model."""

    def __init__(self, feature_dim: int, text_reader: TextReader | None) -> None:
        """Make a reader.

        Args:
            feature_dim: size of the model's vocabulary.
            text_reader: what counts the words of texts; without it, requests of text are refused.
        """
        self._feature_dim = feature_dim
        self._text_reader = text_reader
        self._readers: dict[str, Callable[[bytes], BagOfWords]] = {
            "text/csv": lambda body: read_csv(body, feature_dim),
            "application/json": self._read_json,
            "application/jsonlines": self._read_json_lines,
            "application/x-recordio-protobuf": self._read_recordio,
            "text/plain": self._read_text,
        }

    def read(self, body: bytes, content_type: str) -> BagOfWords:
        """Return the request's documents, at least one.

        Raises:
            UnsupportedMediaType: the content type is not known.
            InputError: the body is empty or malformed, or does not fit the model.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in self._readers:
            raise UnsupportedMediaType(
                f"Content type {content_type!r} is not read; allowed: {', '.join(self._readers)}."
            )
        corpus = self._readers[media_type](body)
        if not len(corpus):
            raise InputError("The request has no document.")
        return corpus

    def _read_text(self, body: bytes) -> BagOfWords:
        """Read a document a line."""
        text = _decode(body)
        return self._count_words(text.removesuffix("\n").split("\n") if text.strip() else [])

    def _read_json(self, body: bytes) -> BagOfWords:
        document = _parse(_decode(body), "The body")
        if not isinstance(document, dict) or not isinstance(instances := document.get("instances"), list):
            raise InputError('The body is not a JSON object with a list "instances".')
        return self._read_instances(instances, "Instance")

    def _read_json_lines(self, body: bytes) -> BagOfWords:
        """Read a document a line: each an element of what would be ``instances`` in JSON."""
        text = _decode(body)
        lines = text.removesuffix("\n").split("\n") if text.strip() else []
        return self._read_instances([_parse(line, f"Line {number}") for number, line in enumerate(lines, 1)], "Line")

    def _read_recordio(self, body: bytes) -> BagOfWords:
        return concatenate(list(stream_recordio(BytesIO(body), self._feature_dim)), self._feature_dim)

    def _read_instances(self, instances: Sequence[object], name: str) -> BagOfWords:
        parts = []
        for number, instance in enumerate(instances, start=1):
            try:
                parts.append(self._read_instance(instance))
            except InputError as error:
                raise InputError(f"{name} {number}: {error}") from None
        return concatenate(parts, self._feature_dim)

    def _read_instance(self, instance: object) -> BagOfWords:
        match instance:
            case str(text) | {"text": str(text)}:
                return self._count_words([text])
            case {"features": list(values)}:
                return self._read_dense(values)
            case {"data": {"features": {"keys": list(keys), "values": list(values)} as features}}:
                return self._read_sparse(keys, values, features)
            case {"data": {"features": {"values": list(values)}}}:
                return self._read_dense(values)
        raise InputError(f"it is not {_SHAPES}.")

    def _read_dense(self, values: list[object]) -> BagOfWords:
        if len(values) != self._feature_dim:
            raise InputError(f"it has {len(values)} features; the model has {self._feature_dim}: they must be equal.")
        return self._one_document(np.arange(self._feature_dim), _numbers(values, "values"))

    def _read_sparse(self, keys: list[object], values: list[object], features: Mapping[str, object]) -> BagOfWords:
        if len(keys) != len(values):
            raise InputError(f"it has {len(keys)} keys and {len(values)} values: they must be as many.")
        if (shape := features.get("shape", [self._feature_dim])) != [self._feature_dim]:
            raise InputError(f"its shape is {json.dumps(shape)}; the model has {self._feature_dim} words.")
        words = _numbers(keys, "keys")
        if (words != np.floor(words)).any() or (np.abs(words) > 2**31).any():
            raise InputError(f"its keys are not all integers from 0 to {self._feature_dim - 1}.")
        return self._one_document(words.astype(np.int64), _numbers(values, "values"))

    def _one_document(self, words: np.ndarray, counts: np.ndarray) -> BagOfWords:
        return bag_of_words(np.zeros(len(words), np.int64), words, counts, (1, self._feature_dim))

    def _count_words(self, texts: Sequence[str]) -> BagOfWords:
        if self._text_reader is None:
            raise InputError(
                "this model reads word counts only: it was trained without vocab.txt and tokenizer.json "
                "in its auxiliary channel."
            )
        return self._text_reader.read(texts)


def _parse(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(f"{name} is nested too deeply.") from None
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}.") from None


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None


def _numbers(values: list[object], name: str) -> np.ndarray:
    # bool is an int to Python, not to JSON.
    if not all(type(value) in (int, float) for value in values):
        raise InputError(f"its {name} are not all numbers.")
    try:
        return np.array(values, np.float64)
    except OverflowError:
        raise InputError(f"its {name} have a number that is too large.") from None
