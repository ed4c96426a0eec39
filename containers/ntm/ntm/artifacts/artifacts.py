"""Files of a model directory: safetensors and JSON, no pickle."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ntm.common.errors import InputError
from ntm.common.hyperparameters import Hyperparameters
from ntm.common.version import __version__
from ntm.data.text import TOKENIZER, VOCABULARY, TextReader, Tokenizer, read_vocabulary
from ntm.network.inference import Array, Layer, TopicModel
from ntm.topics.topics import Topics
from ntm.topics.word_vectors import mean_of_known, read_word_vectors

WEIGHTS, ONNX, CONFIG, TOPICS = "model.safetensors", "model.onnx", "config.json", "topics.json"
_FORMAT = 1


@dataclass(frozen=True)
class Auxiliary:
    """Auxiliary files that serving also needs, unchanged; None for a missing file."""

    vocabulary: bytes | None
    tokenizer: bytes | None

    @classmethod
    def read(cls, directory: Path) -> "Auxiliary":
        """Read the files of a directory, which may not exist."""
        files = (directory / VOCABULARY, directory / TOKENIZER)
        return cls(*(path.read_bytes() if path.is_file() else None for path in files))

    def words(self, feature_dim: int) -> list[str]:
        """Return the vocabulary, or the word ids if there is none.

        Raises:
            InputError: ``vocab.txt`` does not match ``feature_dim``.
        """
        if self.vocabulary is None:
            return [str(word) for word in range(feature_dim)]
        return read_vocabulary(self.vocabulary, feature_dim)

    def text_reader(self, feature_dim: int) -> TextReader | None:
        """Return the reader of text, or None without a vocabulary or a tokenizer.

        Raises:
            InputError: One of the two files is invalid.
        """
        if self.vocabulary is None or self.tokenizer is None:
            return None
        words = self.words(feature_dim)
        return TextReader(Tokenizer.parse(self.tokenizer), {word: number for number, word in enumerate(words)})

    def word_vectors(self, path: Path, feature_dim: int) -> Array:
        """Return the word vectors of the vocabulary, float32 [V, d]; see ``ntm.topics.word_vectors``.

        Raises:
            InputError: There is no vocabulary, or the file is invalid.
        """
        if self.vocabulary is None:
            raise InputError(f"{path.name} requires {VOCABULARY}, which is missing from the auxiliary channel.")
        return read_word_vectors(path, self.words(feature_dim))


def write_model(
    directory: Path,
    model: TopicModel,
    topics: Topics,
    auxiliary: Auxiliary,
    hyperparameters: Hyperparameters,
    training: dict[str, object],
) -> None:
    """Write the model; the same arguments give the same bytes.

    Args:
        directory: Directory to write to; created if it does not exist.
        model: Trained model.
        topics: Description of its topics, in the same order.
        auxiliary: Auxiliary files, copied unchanged.
        hyperparameters: Hyperparameters of the training job, for reference.
        training: Facts about the training, for reference; JSON values.
    """
    # Imported here: serving reads models without onnx.
    from ntm.artifacts.onnx_export import write_onnx

    directory.mkdir(parents=True, exist_ok=True)
    layers = {f"encoder.{number}": layer for number, layer in enumerate(model.hidden)}
    layers |= {"mean": model.mean, "decoder": model.decoder}
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.weight"] = np.ascontiguousarray(layer.weight)
        tensors[f"{name}.bias"] = np.ascontiguousarray(layer.bias)
    (directory / WEIGHTS).write_bytes(save(tensors))
    write_onnx(directory / ONNX, model)
    for name, content in ((VOCABULARY, auxiliary.vocabulary), (TOKENIZER, auxiliary.tokenizer)):
        if content is not None:
            (directory / name).write_bytes(content)
    _write_json(directory / TOPICS, _topics_document(topics, auxiliary.words(model.feature_dim)))
    settings = dataclasses.asdict(hyperparameters)
    # JSON has no infinity.
    settings["clip_gradient"] = None if np.isinf(settings["clip_gradient"]) else settings["clip_gradient"]
    _write_json(
        directory / CONFIG,
        {
            "format": _FORMAT,
            "ntm": __version__,
            "activation": model.activation,
            "hidden_layers": len(model.hidden),
            "hyperparameters": settings,
            "training": training,
        },
    )


def read_model(directory: Path) -> tuple[TopicModel, TextReader | None]:
    """Read a model, and its reader of text if it has a vocabulary and a tokenizer.

    Raises:
        InputError: A file is missing, damaged, or has another format.
    """
    try:
        config = json.loads((directory / CONFIG).read_text("utf-8"))
        if config["format"] != _FORMAT:
            raise InputError(f"{directory / CONFIG} has format {config['format']!r}; this image reads {_FORMAT}.")
        tensors = load_file(directory / WEIGHTS)
        names = [*(f"encoder.{number}" for number in range(config["hidden_layers"])), "mean", "decoder"]
        *hidden, mean, decoder = (Layer(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names)
        model = TopicModel(config["activation"], tuple(hidden), mean, decoder)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise unusable(directory, error) from None
    return model, Auxiliary.read(directory).text_reader(model.feature_dim)


def unusable(directory: Path, error: Exception) -> InputError:
    """Return the error to raise for a model directory that cannot be read.

    Args:
        directory: The model directory.
        error: The exception that reading it raised.
    """
    if not directory.is_dir():
        reason = "it is a file, not a directory" if directory.exists() else "it does not exist"
    elif missing := [name for name in (CONFIG, WEIGHTS, TOPICS) if not (directory / name).exists()]:
        reason = f"it has no {' and no '.join(missing)}"
    else:
        reason = repr(error)
    return InputError(f"There is no usable model in {directory}: {reason}.")


def _topics_document(topics: Topics, words: list[str]) -> dict[str, object]:
    return {
        "num_topics": len(topics.share),
        "npmi": _number(topics.npmi.mean()),
        "topic_uniqueness": _number(topics.uniqueness.mean()),
        **({} if topics.wetc is None else {"wetc": _number(mean_of_known(topics.wetc))}),
        "topics": [
            {
                "topic": topic,
                "npmi": _number(topics.npmi[topic]),
                "topic_uniqueness": _number(topics.uniqueness[topic]),
                **({} if topics.wetc is None else {"wetc": _number(topics.wetc[topic])}),
                "share": _number(topics.share[topic]),
                "words": [
                    [words[word], _number(weight)]
                    for word, weight in zip(topics.words[topic], topics.weights[topic], strict=True)
                ],
            }
            for topic in range(len(topics.share))
        ],
    }


def _number(value: float | np.floating) -> float | None:
    # JSON has no NaN.
    return None if math.isnan(value) else round(float(value), 6)


def _write_json(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n", "utf-8")
