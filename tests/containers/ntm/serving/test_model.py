import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ntm.artifacts.artifacts import Auxiliary, read_model
from ntm.common.errors import InputError
from ntm.data.bag_of_words import bag_of_words
from ntm.network.inference import Layer
from ntm.serving import model as serving
from ntm.serving.model import ServedModel
from tests.containers.ntm import jobs, planted
from tests.containers.ntm.serving import models


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return models.write(tmp_path, models.random_model()) / "model"


def test_the_served_model_equals_the_trained_one(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = planted.corpus(300, 0)[0]
    expected = read_model(directory)[0].topic_weights(corpus)
    encoder = ServedModel.read(directory).encoder
    assert (encoder.feature_dim, encoder.num_topics) == (planted.FEATURE_DIM, planted.TOPICS)
    np.testing.assert_allclose(encoder.topic_weights(corpus), expected, atol=1e-6)
    # Even in batches smaller than one document.
    for entries, documents in ((1, 4096), (50, 4096), (4096, 7)):
        monkeypatch.setattr(serving, "_ENTRIES_AT_A_TIME", entries)
        monkeypatch.setattr(serving, "_DOCUMENTS_AT_A_TIME", documents)
        np.testing.assert_allclose(encoder.topic_weights(corpus), expected, atol=1e-6)


def test_documents_without_a_word_get_the_prior(directory: Path) -> None:
    encoder = ServedModel.read(directory).encoder
    shape = (10_000, planted.FEATURE_DIM)
    weights = encoder.topic_weights(bag_of_words(np.array([9999]), np.array([3]), np.array([1.0]), shape))
    np.testing.assert_allclose(weights[:-1], 1 / planted.TOPICS, atol=1e-6)
    assert np.ptp(weights[-1]) > 0.01


def test_topics_have_their_words(directory: Path) -> None:
    assert ServedModel.read(directory).topic_words == [jobs.VOCABULARY[:10]] * planted.TOPICS


def test_damaged_files_are_rejected(directory: Path) -> None:
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    topics = json.loads(files["topics.json"])
    fewer = json.dumps({**topics, "topics": topics["topics"][1:]}).encode()
    for name, content, reason in (
        ("model.onnx", None, "There is no usable model in .*model.onnx"),
        ("model.onnx", files["model.onnx"][:-500], "There is no usable model in .*model.onnx"),
        ("model.onnx", b"no graph", "There is no usable model in .*model.onnx"),
        ("topics.json", None, "There is no usable model in .*topics.json"),
        ("topics.json", b"{}", "There is no usable model in .*topics.json"),
        ("topics.json", fewer, "topics.json has 4 topics, but model.onnx has 5"),
        ("vocab.txt", b"one\n", "vocab.txt has 1 words, but feature_dim is 120"),
        ("tokenizer.json", b"{}", "tokenizer.json is not a tokenizer"),
    ):
        if content is None:
            (directory / name).unlink()
        else:
            (directory / name).write_bytes(content)
        with pytest.raises(InputError, match=reason):
            ServedModel.read(directory)
        (directory / name).write_bytes(files[name])
    assert ServedModel.read(directory).text_reader is not None


def test_a_model_with_nan_weights_is_rejected(tmp_path: Path) -> None:
    model = models.random_model()
    broken = dataclasses.replace(model, mean=Layer(model.mean.weight, np.full_like(model.mean.bias, np.nan)))
    with pytest.raises(InputError, match="is damaged: its topic weights do not add up to 1"):
        ServedModel.read(models.write(tmp_path, broken) / "model")


def test_without_a_vocabulary_topics_have_word_ids(tmp_path: Path) -> None:
    served = ServedModel.read(models.write(tmp_path, models.random_model(), Auxiliary(None, None)) / "model")
    assert served.text_reader is None
    assert served.topic_words[0] == [str(word) for word in range(10)]
