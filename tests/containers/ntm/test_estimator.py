import dataclasses
import inspect
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from ntm import NeuralTopicModel
from ntm.common.hyperparameters import RECOMMENDED, Hyperparameters
from tests.containers.ntm import planted
from tests.containers.ntm.jobs import dense

QUICK = {
    "batch_norm": True,
    "encoder_layers": (50,),
    "encoder_layers_activation": "relu",
    "epochs": 20,
    "learning_rate": 0.01,
    "mini_batch_size": 64,
    "optimizer": "adam",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def counts() -> sparse.csr_array:
    return sparse.csr_array(dense(planted.corpus(400, seed=0)[0]))


@pytest.fixture(scope="module")
def fitted(counts: sparse.csr_array) -> NeuralTopicModel:
    return NeuralTopicModel(planted.TOPICS, **QUICK).fit(counts)


def test_scikit_learn_estimator_checks() -> None:
    # A few epochs suffice, because scikit-learn does not check the quality.
    check_estimator(NeuralTopicModel(n_components=2, epochs=2), on_skip=None)


def test_every_hyperparameter_is_a_parameter_with_its_default() -> None:
    parameters = inspect.signature(NeuralTopicModel).parameters
    fields = {field.name: field.default for field in dataclasses.fields(Hyperparameters)}
    assert set(fields) - {"feature_dim", "num_topics", "seed"} == set(parameters) - {
        "n_components",
        "random_state",
        "validation_fraction",
    }
    for name in set(fields) & set(parameters) - {"encoder_layers"}:
        assert parameters[name].default == RECOMMENDED.get(name, fields[name]), name


def test_planted_topics_are_found(fitted: NeuralTopicModel, counts: sparse.csr_array) -> None:
    theta = fitted.transform(counts)
    assert theta.dtype == np.float32
    assert theta.shape == (400, planted.TOPICS)
    np.testing.assert_allclose(theta.sum(axis=1), 1, rtol=1e-5)
    assert fitted.components_.shape == (planted.TOPICS, planted.FEATURE_DIM)
    np.testing.assert_allclose(fitted.components_.sum(axis=1), 1, rtol=1e-5)
    assert fitted.n_iter_ == 20
    owners = [{int(word) // planted.WORDS for word in words} for words in fitted.topics(n_words=10)]
    assert sorted(map(tuple, owners)) == [(topic,) for topic in range(planted.TOPICS)]
    assert (np.diff(fitted.topics_.share) <= 0).all()
    named = fitted.topics([f"w{word}" for word in range(planted.FEATURE_DIM)], n_words=3)
    assert named == [[f"w{word}" for word in words] for words in fitted.topics(n_words=3)]


def test_perplexity_follows_from_the_score(fitted: NeuralTopicModel, counts: sparse.csr_array) -> None:
    held_out = sparse.csr_array(dense(planted.corpus(100, seed=9)[0]))
    perplexity = fitted.perplexity(held_out)
    # A uniform guess has the vocabulary size, 120; a perfect model about 31, as 7 words in 10 are among 20.
    assert 28 < perplexity < 60
    assert fitted.score(held_out) == pytest.approx(-np.log(perplexity) * held_out.sum())
    # Computed by hand for one document.
    theta, model = fitted.transform(held_out[:1]).astype(float)[0], fitted.model_
    logits = model.decoder.weight.astype(float) @ theta + model.decoder.bias
    expected = held_out[:1].toarray()[0] @ (logits - np.log(np.exp(logits).sum()))
    assert fitted.score(held_out[:1]) == pytest.approx(expected, rel=1e-5)


def test_the_same_random_state_gives_the_same_model(fitted: NeuralTopicModel, counts: sparse.csr_array) -> None:
    again = clone(fitted).fit(counts)
    np.testing.assert_array_equal(again.components_, fitted.components_)
    other = clone(fitted).set_params(random_state=1, epochs=2).fit(counts)
    assert not np.allclose(other.components_, fitted.components_)


def test_the_mixture_of_a_document_does_not_depend_on_the_others(
    fitted: NeuralTopicModel, counts: sparse.csr_array
) -> None:
    order = np.random.default_rng(0).permutation(400)[:90]
    np.testing.assert_allclose(fitted.transform(counts[order]), fitted.transform(counts)[order], rtol=1e-5)


def test_empty_documents(fitted: NeuralTopicModel, counts: sparse.csr_array) -> None:
    blank = sparse.csr_array((3, planted.FEATURE_DIM))
    assert (fitted.transform(blank) == np.float32(1 / planted.TOPICS)).all()
    with pytest.raises(ValueError, match="Perplexity is undefined"):
        fitted.perplexity(blank)
    with pytest.raises(ValueError, match="No documents to train on: X has 0 non-empty documents"):
        clone(fitted).fit(blank)
    few = clone(fitted).set_params(epochs=1)
    with_blanks = few.fit(sparse.vstack([blank, counts, blank])).components_
    np.testing.assert_array_equal(with_blanks, few.fit(counts).components_)


def test_early_stopping_on_held_out_documents(counts: sparse.csr_array) -> None:
    model = NeuralTopicModel(5, **QUICK | {"epochs": 100, "tolerance": 0.1, "num_patience_epochs": 1})
    assert model.set_params(validation_fraction=0.2).fit(counts).n_iter_ < 100


def test_in_a_scikit_learn_pipeline_of_texts() -> None:
    texts = ["cats dogs birds", "dogs cats", "stocks bonds fell", "bonds stocks"] * 10
    pipeline = make_pipeline(CountVectorizer(), NeuralTopicModel(2, epochs=2, random_state=0))
    assert pipeline.fit_transform(texts).shape == (40, 2)
    assert list(pipeline.get_feature_names_out()) == ["neuraltopicmodel0", "neuraltopicmodel1"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_components": 0}, "n_components is '0'; allowed: an integer, 2 to 1000"),
        ({"optimizer": "lion"}, "optimizer is 'lion'; allowed: one of sgd, adam"),
        ({"epochs": 2.5}, "epochs is '2.5'; allowed: an integer, at least 1"),
        ({"encoder_layers": (10, 0)}, "encoder_layers is '10,0'; allowed: auto, or"),
        ({"validation_fraction": 1.5}, "validation_fraction is 1.5; allowed: between 0 and 1"),
    ],
)
def test_invalid_parameters_are_rejected(counts: sparse.csr_array, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        NeuralTopicModel(**wrong).fit(counts)


def test_counts_out_of_range_are_rejected(fitted: NeuralTopicModel) -> None:
    with pytest.raises(ValueError, match=r"Document 1 has count 1e\+300 for word 0"):
        fitted.transform(np.full((1, planted.FEATURE_DIM), 1e300))


@pytest.mark.parametrize("n_words", [0, 21])
def test_invalid_arguments_of_topics_are_rejected(fitted: NeuralTopicModel, n_words: int) -> None:
    with pytest.raises(ValueError, match=f"n_words is {n_words}; allowed: 1 to 20"):
        fitted.topics(n_words=n_words)
    with pytest.raises(ValueError, match=f"feature_names has 1 words, but the model has {planted.FEATURE_DIM}"):
        fitted.topics(["a"])


@pytest.mark.parametrize("named", [False, True])
def test_a_saved_model_is_the_same_when_loaded(
    tmp_path: Path, fitted: NeuralTopicModel, counts: sparse.csr_array, named: bool
) -> None:
    saved = clone(fitted).set_params(encoder_layers="auto", clip_gradient=5.0, validation_fraction=0.1, epochs=2)
    saved = saved.fit(counts)
    if named:
        saved.feature_names_in_ = np.array([f"w{word}" for word in range(planted.FEATURE_DIM)], dtype=object)
    saved.save(tmp_path / "model")
    loaded = NeuralTopicModel.load(tmp_path / "model")
    assert loaded.get_params() == saved.get_params()
    assert loaded.topics() == saved.topics()
    assert loaded.n_iter_ == saved.n_iter_
    assert hasattr(loaded, "feature_names_in_") == named
    np.testing.assert_allclose(loaded.components_, saved.components_, rtol=1e-5)
    # scikit-learn warns about a matrix without column names.
    unnamed = pickle.loads(pickle.dumps(loaded))
    vars(unnamed).pop("feature_names_in_", None)
    vars(saved).pop("feature_names_in_", None)
    np.testing.assert_allclose(unnamed.transform(counts), saved.transform(counts), rtol=1e-5)
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_words_are_saved_with_a_model(tmp_path: Path, fitted: NeuralTopicModel) -> None:
    words = [f"w{word}" for word in range(planted.FEATURE_DIM)]
    fitted.save(tmp_path / "model", feature_names=words)
    assert NeuralTopicModel.load(tmp_path / "model").topics() == fitted.topics(words)
    with pytest.raises(ValueError, match="feature_names has 1 words, but the model has 120"):
        fitted.save(tmp_path / "new", feature_names=["one"])
    assert not (tmp_path / "new").exists()


def test_a_single_topic_is_the_unigram_model(tmp_path: Path, counts: sparse.csr_array) -> None:
    model = NeuralTopicModel(1, objective="elbo", epochs=2, random_state=0).fit(counts)
    np.testing.assert_allclose(model.components_[0], counts.sum(axis=0) / counts.sum(), atol=3e-3)
    model.save(tmp_path / "model")
    assert (NeuralTopicModel.load(tmp_path / "model").transform(counts) == 1).all()


def test_saving_keeps_unrelated_files(tmp_path: Path, fitted: NeuralTopicModel) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="is not empty"):
        fitted.save(tmp_path)
    fitted.save(tmp_path, overwrite=True)
    (tmp_path / "vocab.txt").write_text("of another model\n")
    fitted.save(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert not (tmp_path / "vocab.txt").exists()
    twice = pickle.loads(pickle.dumps(fitted))
    twice.feature_names_in_ = np.array(["same"] * planted.FEATURE_DIM, dtype=object)
    with pytest.raises(ValueError, match="the word 'same' twice"):
        twice.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["config.json", "topics.json", "model.safetensors"])
def test_a_damaged_model_is_rejected(tmp_path: Path, fitted: NeuralTopicModel, name: str) -> None:
    fitted.save(tmp_path / "model")
    (tmp_path / "model" / name).write_text(json.dumps({"format": 1}))
    with pytest.raises(ValueError, match=r"There is no usable model in .*model|topics\.json is missing or damaged"):
        NeuralTopicModel.load(tmp_path / "model")
