"""Served model: encoder in ONNX Runtime, tokenizer and topic words."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from ntm.artifacts.artifacts import ONNX, TOPICS, Auxiliary
from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords
from ntm.data.text import TextReader
from ntm.network.inference import Array

WORDS_PER_TOPIC = 10

# The graph gathers a row of the first layer per entry: this many fit the cache, and memory stays constant.
_ENTRIES_AT_A_TIME = 4096
_DOCUMENTS_AT_A_TIME = 4096
_WORDS_TRIED = 256
_UNUSABLE = (
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
)


class Encoder:
    """Graph of ``ntm.artifacts.onnx_export`` in ONNX Runtime, single-threaded: ``serve`` runs a process per core."""

    def __init__(self, path: Path) -> None:
        """Load a graph.

        Raises:
            InputError: The file is missing or damaged, has another format, or does not return mixtures.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self.feature_dim = int(self._session.get_modelmeta().custom_metadata_map["feature_dim"])
            self.num_topics = int(self._session.get_outputs()[0].shape[1])
        except (*_UNUSABLE, KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"There is no usable model in {path.parent}: {path.name}: {error}.") from None
        self.check()

    def topic_weights(self, corpus: BagOfWords) -> Array:
        """Return the topic mixture of each document, float32 [D, K]; each row sums to 1.

        An empty document gets the mean of the prior: the same weight for every topic.
        """
        parts = [self._run(part) for part in _parts(corpus)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def check(self) -> None:
        """Infer the mixtures of documents of one word each, for words spread over the vocabulary.

        Raises:
            InputError: The weights do not add up to 1, for example because the model contains NaN.
        """
        words = np.linspace(0, self.feature_dim - 1, min(self.feature_dim, _WORDS_TRIED)).astype(np.int32)
        ones = np.ones(len(words), np.float32)
        theta = self.topic_weights(BagOfWords(np.arange(len(words) + 1), words, ones, self.feature_dim))
        if not np.allclose(theta.sum(axis=1), 1, atol=1e-3):
            raise InputError(f"The model in {ONNX} is damaged: its topic weights do not add up to 1.")

    def _run(self, corpus: BagOfWords) -> Array:
        entries = {
            "words": corpus.words.astype(np.int64),
            "documents": corpus.documents,
            "counts": corpus.counts,
            "size": np.array([len(corpus)]),
        }
        [theta] = self._session.run(["topic_weights"], entries)
        return np.asarray(theta, np.float32)


def _parts(corpus: BagOfWords) -> Iterator[BagOfWords]:
    """Yield the documents in batches that fit the cache."""
    if len(corpus.words) <= _ENTRIES_AT_A_TIME and len(corpus) <= _DOCUMENTS_AT_A_TIME:
        yield corpus
        return
    start = 0
    while start < len(corpus):
        stop = int(np.searchsorted(corpus.offsets, corpus.offsets[start] + _ENTRIES_AT_A_TIME, side="right")) - 1
        stop = min(max(stop, start + 1), start + _DOCUMENTS_AT_A_TIME, len(corpus))
        yield corpus.part(start, stop)
        start = stop


@dataclass(frozen=True)
class ServedModel:
    """Loaded model.

    Attributes:
        encoder: Encoder from word counts to topic mixtures.
        text_reader: Reader of text; None without a vocabulary or a tokenizer.
        topic_words: Best words of each topic, best first.
    """

    encoder: Encoder
    text_reader: TextReader | None
    topic_words: Sequence[Sequence[str]]

    @classmethod
    def read(cls, directory: Path) -> "ServedModel":
        """Read a model directory.

        Raises:
            InputError: A file is missing or damaged, or the files belong to different models.
        """
        encoder = Encoder(directory / ONNX)
        text_reader = Auxiliary.read(directory).text_reader(encoder.feature_dim)
        try:
            topics = json.loads((directory / TOPICS).read_text("utf-8"))["topics"]
            words = [[str(word) for word, _ in topic["words"][:WORDS_PER_TOPIC]] for topic in topics]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"There is no usable model in {directory}: {TOPICS}: {error!r}.") from None
        if len(words) != encoder.num_topics:
            raise InputError(f"{TOPICS} has {len(words)} topics, but {ONNX} has {encoder.num_topics}.")
        return cls(encoder, text_reader, words)
