"""Inference responses, in the format selected by ``Accept``.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/ntm-in-formats.html (the built-in's responses),
https://www.rfc-editor.org/rfc/rfc9110#name-accept (the header).
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from ntm.common.errors import InputError
from ntm.data.recordio import MAGIC
from ntm.network.inference import Array

JSON, JSON_LINES, RECORDIO = "application/json", "application/jsonlines", "application/x-recordio-protobuf"
TOPICS_PARAMETER = "topics"

_ANY = ("", "*/*", "application/*")
_BYTES_WIRE = 2


class NotAcceptable(InputError):
    """No acceptable content type is supported."""


@dataclass(frozen=True)
class Answer:
    """Topic mixtures of documents, optionally with described topics.

    Attributes:
        weights: Topic mixtures, float32 [D, K].
        topic_words: Best words of each topic.
        top: Number of topics per document that are described by their words; 0 for none.
    """

    weights: Array
    topic_words: Sequence[Sequence[str]]
    top: int = 0

    def predictions(self) -> Iterator[dict[str, Any]]:
        """Yield the prediction of each document."""
        if not self.top:
            for row in self.weights:
                yield {"topic_weights": row}
            return
        order = np.argsort(-self.weights, axis=1, kind="stable")[:, : self.top].tolist()
        for row, topics in zip(self.weights, order, strict=True):
            described = [{"topic": k, "weight": row[k], "words": self.topic_words[k]} for k in topics]
            yield {"topic_weights": row, "topics": described}


def _json(answer: Answer) -> bytes:
    return orjson.dumps({"predictions": list(answer.predictions())}, option=orjson.OPT_SERIALIZE_NUMPY)


def _json_lines(answer: Answer) -> bytes:
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    return b"".join(orjson.dumps(prediction, option=option) for prediction in answer.predictions())


def _recordio(answer: Answer) -> bytes:
    """Write one record per document, with the label ``topic_weights``; equal sizes make their headers equal."""
    documents, topics = answer.weights.shape
    values = _field(1, 4 * topics)  # Float32Tensor.values, packed
    tensor = _field(2, len(values) + 4 * topics)  # Value.float32_tensor
    name = _field(1, len(b"topic_weights")) + b"topic_weights"
    value = _field(2, len(tensor) + len(values) + 4 * topics)
    label = _field(2, len(name) + len(value) + len(tensor) + len(values) + 4 * topics)  # Record.label
    head = label + name + value + tensor + values
    size = len(head) + 4 * topics
    head = struct.pack("<II", MAGIC, size) + head
    records = np.zeros((documents, len(head) + 4 * topics + -size % 4), np.uint8)
    records[:, : len(head)] = np.frombuffer(head, np.uint8)
    weights: NDArray[np.uint8] = np.ascontiguousarray(answer.weights, "<f4").view(np.uint8)
    records[:, len(head) : len(head) + 4 * topics] = weights
    return records.tobytes()


def _field(number: int, length: int) -> bytes:
    """Return the tag and length of a length-delimited protobuf field."""
    encoded = bytearray([number << 3 | _BYTES_WIRE])
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*encoded, length])


WRITERS: Final[dict[str, Callable[[Answer], bytes]]] = {JSON: _json, JSON_LINES: _json_lines, RECORDIO: _recordio}
"""Writers of responses, by content type."""


class Wanted(NamedTuple):
    """Parsed ``Accept`` header: a content type of ``WRITERS``, and ``Answer.top``."""

    content_type: str
    top: int = 0


def wanted(accept: str) -> Wanted:
    """Return the supported content type that the client prefers; JSON for wildcards.

    Args:
        accept: ``Accept`` header of the request; empty if missing. The parameter ``topics``, as in
            ``application/json; topics=3``, requests the words of each document's heaviest topics.

    Raises:
        NotAcceptable: No acceptable content type is supported, or a parameter is invalid.
    """
    found: list[tuple[float, Wanted]] = []
    for choice in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in choice.split(";"))
        content_type = JSON if media_type in _ANY else media_type
        if content_type not in WRITERS:
            continue
        values = {name.strip(): value.strip(' "') for name, _, value in (part.partition("=") for part in parameters)}
        quality = _quality(values.get("q", "1"), accept)
        if quality:
            found.append((quality, Wanted(content_type, _top(values.get(TOPICS_PARAMETER), content_type))))
    if not found:
        raise NotAcceptable(f"Accept {accept!r} is not supported; allowed: {', '.join(WRITERS)}.")
    return max(found, key=lambda item: item[0])[1]


def _quality(text: str, accept: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        quality = -1
    if not 0 <= quality <= 1:
        raise NotAcceptable(f"Accept {accept!r} has q={text}; allowed: a number from 0 to 1.")
    return quality


def _top(text: str | None, content_type: str) -> int:
    if text is None:
        return 0
    if content_type == RECORDIO:
        raise NotAcceptable(f"Accept {RECORDIO} does not support topics; allowed with topics: {JSON}, {JSON_LINES}.")
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) > 0):
        raise NotAcceptable(f"Accept has topics={text[:20]}; allowed: a number of topics, 1 or more.")
    return int(text)
