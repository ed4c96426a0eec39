"""Inference requests, parsed to word counts.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html (the built-in algorithms' formats).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import compress

import numpy as np
import orjson

from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords, bag_of_words, concatenate
from ntm.data.csv_rows import read_csv
from ntm.data.recordio import stream_recordio
from ntm.data.text import TextReader
from ntm.serving.dense_json import DenseJsonReader

_SHAPES = (
    'a text, {"text": ...}, {"features": [...]}, {"data": {"features": {"values": [...]}}} '
    'or {"data": {"features": {"keys": [...], "shape": [...], "values": [...]}}}'
)
_NUMBERS = {int, float}
_CHARSETS = {"", "utf-8", "utf8", "us-ascii"}

_Entries = tuple[Sequence[object], Sequence[object]]


class UnsupportedMediaType(InputError):
    """Unsupported content type of a request."""


class RequestTooLarge(InputError):
    """Request with too many documents."""


class RequestReader:
    """Reader of requests for one model."""

    def __init__(self, feature_dim: int, text_reader: TextReader | None, max_documents: int) -> None:
        """Create a reader.

        Args:
            feature_dim: Size of the model's vocabulary.
            text_reader: Reader of text; without it, text requests are rejected.
            max_documents: Maximum documents per request: one byte of a request may produce kilobytes of response.
        """
        self._feature_dim = feature_dim
        self._text_reader = text_reader
        self._max_documents = max_documents
        self._dense_json = DenseJsonReader(feature_dim)
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
            UnsupportedMediaType: The content type or its charset is not supported.
            RequestTooLarge: There are more than ``max_documents``.
            InputError: The body is empty or malformed, or does not match the model.
        """
        media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
        if media_type not in self._readers:
            raise UnsupportedMediaType(
                f"Content type {content_type!r} is not supported; allowed: {', '.join(self._readers)}."
            )
        for name, _, charset in (parameter.partition("=") for parameter in parameters):
            if name.strip() == "charset" and charset.strip(' "') not in _CHARSETS:
                raise UnsupportedMediaType(f"Content type {content_type!r} is not supported; allowed charset: utf-8.")
        corpus = self._readers[media_type](body)
        if not len(corpus):
            raise InputError("The request has no documents.")
        self._check_size(len(corpus))
        return corpus

    def _read_text(self, body: bytes) -> BagOfWords:
        """Read one document per line."""
        return self._count_words(self._lines(body))

    def _read_json(self, body: bytes) -> BagOfWords:
        if (corpus := self._dense_json.read(body)) is not None:
            return corpus
        document = _parse(body, "The body")
        if not isinstance(document, dict) or not isinstance(instances := document.get("instances"), list):
            raise InputError('The body is not a JSON object with a list "instances".')
        return self._read_instances(instances, "Instance")

    def _read_json_lines(self, body: bytes) -> BagOfWords:
        """Read one document per line, each like an element of ``instances`` in JSON."""
        lines = self._lines(body)
        return self._read_instances([_parse(line, f"Line {number}") for number, line in enumerate(lines, 1)], "Line")

    def _read_recordio(self, body: bytes) -> BagOfWords:
        return concatenate(list(stream_recordio(BytesIO(body), self._feature_dim)), self._feature_dim)

    def _lines(self, body: bytes) -> list[str]:
        text = _decode(body).removesuffix("\n")
        # Check before allocating anything per line.
        self._check_size(text.count("\n") + 1)
        return text.split("\n") if text.strip() else []

    def _check_size(self, documents: int) -> None:
        if documents > self._max_documents:
            raise RequestTooLarge(
                f"The request has {documents} documents; allowed for this model: {self._max_documents}."
            )

    def _read_instances(self, instances: Sequence[object], name: str) -> BagOfWords:
        self._check_size(len(instances))
        if texts := _texts(instances):
            return self._count_words(texts)
        words: list[object] = []
        counts: list[object] = []
        sizes = []
        for number, instance in enumerate(instances, start=1):
            try:
                found, values = self._read_instance(instance)
            except InputError as error:
                raise InputError(f"{name} {number}: {error}") from None
            words.extend(found)
            counts.extend(values)
            sizes.append(len(found))
        documents = np.repeat(np.arange(len(sizes)), sizes)
        try:
            values64 = np.array(counts, np.float64)
        except OverflowError:
            raise InputError("A count is too large; allowed: up to 3.4e38.") from None
        return bag_of_words(documents, np.array(words, np.int64), values64, (len(sizes), self._feature_dim))

    def _read_instance(self, instance: object) -> _Entries:
        match instance:
            case str(text) | {"text": str(text)}:
                bag = self._count_words([text])
                return bag.words.tolist(), bag.counts.tolist()
            case {"features": list(values)}:
                return self._read_dense(values)
            case {"data": {"features": {"keys": list(keys), "values": list(values)} as features}}:
                return self._read_sparse(keys, values, features)
            case {"data": {"features": {"values": list(values)}}}:
                return self._read_dense(values)
        raise InputError(f"expected {_SHAPES}.")

    def _read_dense(self, values: list[object]) -> _Entries:
        if len(values) != self._feature_dim:
            raise InputError(f"it has {len(values)} features, but the model has {self._feature_dim}.")
        _require_numbers(values, "values")
        return list(compress(range(self._feature_dim), values)), list(compress(values, values))

    def _read_sparse(self, keys: list[object], values: list[object], features: Mapping[str, object]) -> _Entries:
        if len(keys) != len(values):
            raise InputError(f"it has {len(keys)} keys but {len(values)} values.")
        if (shape := features.get("shape", [self._feature_dim])) != [self._feature_dim]:
            raise InputError(f"its shape is {json.dumps(shape)[:50]}, but the model has {self._feature_dim} words.")
        _require_numbers(keys, "keys")
        _require_numbers(values, "values")
        if float in map(type, keys):
            if not all(key == key // 1 for key in keys):  # type: ignore[operator]
                raise InputError(f"its keys are not all integers from 0 to {self._feature_dim - 1}.")
            keys = [int(key) for key in keys]  # type: ignore[call-overload]
        for key in (min(keys, default=0), max(keys, default=0)):  # type: ignore[type-var]
            if not 0 <= key < self._feature_dim:  # type: ignore[operator]
                raise InputError(f"it has word id {str(key)[:50]}; allowed: 0 to {self._feature_dim - 1}.")
        return keys, values

    def _count_words(self, texts: Sequence[str]) -> BagOfWords:
        if self._text_reader is None:
            raise InputError(
                "this model accepts only word counts: it was trained without vocab.txt and tokenizer.json "
                "in its auxiliary channel."
            )
        return self._text_reader.read(texts)


def _texts(instances: Sequence[object]) -> list[str]:
    """Return the instances' texts, if all of them are texts."""
    texts = []
    for instance in instances:
        text = instance.get("text") if isinstance(instance, dict) else instance
        if not isinstance(text, str):
            return []
        texts.append(text)
    return texts


def _parse(content: bytes | str, name: str) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        # json accepts lone surrogates and, once decoded, a byte order mark; its errors give the position.
        text = content if isinstance(content, str) else _decode(content)
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(f"{name} is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{name} is not JSON: {error}.") from None
    except ValueError:
        raise InputError(f"{name} has a number with too many digits; allowed: up to 3.4e38.") from None


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None


def _require_numbers(values: list[object], name: str) -> None:
    # A bool is an int in Python but not in JSON.
    if not set(map(type, values)) <= _NUMBERS:
        raise InputError(f"its {name} are not all numbers.")
