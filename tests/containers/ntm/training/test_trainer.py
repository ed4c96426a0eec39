import dataclasses
import logging
import re
from typing import Any

import numpy as np
import pytest

from ntm.common.errors import InputError
from ntm.common.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.network.inference import TopicModel
from ntm.training.trainer import BoundPerWord, Progress, Trained, Trainer
from tests.containers.ntm import planted

SMALL = Hyperparameters(
    feature_dim=planted.FEATURE_DIM,
    num_topics=planted.TOPICS,
    batch_norm=True,
    encoder_layers=(50,),
    encoder_layers_activation="relu",
    epochs=2,
    learning_rate=0.01,
    mini_batch_size=64,
    optimizer="adam",
)


def train(
    bag: BagOfWords, hyperparameters: Hyperparameters, validation: BagOfWords | None = None, **others: Any
) -> Trained:
    trainer = Trainer(Corpus.of(bag), hyperparameters, **others)
    return trainer.run(None if validation is None else Corpus.of(validation))


def arrays(model: TopicModel) -> list[np.ndarray]:
    layers = [*model.hidden, model.mean, model.decoder]
    return [array for layer in layers for array in (layer.weight, layer.bias)]


def check_planted(trained: Trained, seed: int) -> None:
    """Check that the topics are the planted ones and that documents get the topic that they were made from."""
    owners = trained.topics.words[:, :10] // planted.WORDS
    assert sorted(owners[:, 0]) == list(range(planted.TOPICS))
    assert (owners == owners[:, :1]).mean() > 0.95
    assert trained.topics.uniqueness.min() > 0.9
    assert trained.topics.npmi.min() > 0.5
    assert (np.diff(trained.topics.share) <= 0).all()
    documents, truth = planted.corpus(200, seed + 100)
    found = owners[trained.model.topic_weights(documents).argmax(axis=1), 0]
    assert (found == truth).mean() > 0.97


# Settings that learn enough in a few steps.
_RATES = {"adam": 0.01, "adagrad": 0.05, "rmsprop": 0.005, "sgd": 0.001, "adadelta": 1.0}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_topics_are_found_with_each_optimizer(optimizer: str) -> None:
    settings = dataclasses.replace(SMALL, optimizer=optimizer, learning_rate=_RATES[optimizer], epochs=20)
    check_planted(train(planted.corpus(600, 0)[0], settings), 0)


def test_the_elbo_objective_finds_well_separated_topics() -> None:
    settings = dataclasses.replace(SMALL, objective="elbo", epochs=30)
    trained = train(planted.corpus(1000, 1)[0], settings, planted.corpus(200, 2)[0])
    check_planted(trained, 1)
    assert trained.validation is not None
    # A uniform guess is log(120) = 4.79.
    assert trained.validation.total < 4.2


def test_the_same_seed_gives_the_same_model() -> None:
    bag, _ = planted.corpus(200, 3)
    first, second, other = (train(bag, dataclasses.replace(SMALL, seed=seed)).model for seed in (5, 5, 6))
    for one, same in zip(arrays(first), arrays(second), strict=True):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(arrays(first), arrays(other), strict=True))


@pytest.mark.parametrize("objective", ["topics", "elbo"])
@pytest.mark.parametrize(
    ("documents", "changes"),
    [
        (1, {}),
        (65, {}),
        (20, {"mini_batch_size": 1}),
        (300, {"sub_sample": 0.1}),
        (30, {"sub_sample": 0.0}),
        (30, {"batch_norm": False, "encoder_layers": None, "optimizer": "adadelta"}),
        (30, {"num_topics": 150, "mini_batch_size": 10_000}),
        (30, {"num_topics": 2, "rescale_gradient": 0.001, "weight_decay": 1.0, "clip_gradient": 0.001}),
        (30, {"epochs": 1, "learning_rate": 1.0, "tolerance": 0.1}),
        (30, {"seed": 2**32 - 1, "num_patience_epochs": 1, "learning_rate": 1e-6}),
    ],
)
def test_small_corpora_and_settings_at_their_limits_train(
    documents: int, changes: dict[str, Any], objective: str
) -> None:
    bag, _ = planted.corpus(documents, 5)
    settings = dataclasses.replace(SMALL, objective=objective, **changes)
    trained = train(bag, settings, bag)
    assert trained.validation is not None
    assert np.isfinite(trained.validation.total)
    assert trained.model.num_topics == len(trained.topics.share) == settings.num_topics
    assert trained.topics.share.sum() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(trained.topics.npmi).all()


@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_a_vocabulary_of_one_word_trains(objective: str) -> None:
    bag = planted.bag_of([[0]] * 3, 1)
    topics = train(bag, dataclasses.replace(SMALL, feature_dim=1, objective=objective)).topics
    assert topics.words.tolist() == [[0]] * planted.TOPICS
    assert topics.npmi.tolist() == [0] * planted.TOPICS


def test_memory_does_not_grow_with_documents_times_words() -> None:
    """50,000 words and 2,500 documents: a float32 for each pair would take 500 MB."""
    resource = pytest.importorskip("resource")
    random = np.random.default_rng(0)
    bag = planted.bag_of([np.unique(random.integers(50_000, size=9)).tolist() for _ in range(2500)], 50_000)
    settings = dataclasses.replace(SMALL, feature_dim=50_000, encoder_layers=(8,), epochs=1, mini_batch_size=5000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    train(bag, settings)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 400e6


def test_training_needs_a_non_empty_document() -> None:
    with pytest.raises(InputError, match="No document of channel train contains a word of the vocabulary"):
        train(planted.bag_of([[], []], planted.FEATURE_DIM), SMALL)


def test_a_non_finite_loss_is_an_error() -> None:
    bag, _ = planted.corpus(100, 6)
    wild = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1.0, batch_norm=False, epochs=50)
    huge = dataclasses.replace(bag, counts=bag.counts * np.float32(1e37))
    with pytest.raises(InputError, match=r"training diverged\. Lower learning_rate \(1\)"):
        train(huge, wild)


def test_training_stops_on_request_and_keeps_a_model() -> None:
    bag, _ = planted.corpus(300, 7)
    asked = iter(range(10**9))
    trained = train(bag, dataclasses.replace(SMALL, epochs=500), bag, stopped=lambda: next(asked) >= 12)
    assert trained.epochs in (13, 14)
    assert trained.validation is not None
    assert trained.model.num_topics == planted.TOPICS


class Scripted(Trainer):
    """A trainer with predefined validation losses."""

    losses: list[float]

    def evaluate(self, corpus: Corpus) -> BoundPerWord:  # noqa: ARG002
        return BoundPerWord(self.losses.pop(0), 0.0)


def scripted(losses: list[float], **changes: Any) -> Trained:
    corpus = Corpus.of(planted.corpus(20, 8)[0])
    trainer = Scripted(corpus, dataclasses.replace(SMALL, epochs=len(losses), **changes))
    trainer.losses = losses
    return trainer.run(corpus)


@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_the_best_model_has_the_lowest_loss_after_the_build_up(objective: str) -> None:
    # The first loss is the lowest, but belongs to the build-up if there is one.
    losses = [1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 3.0, 4.0]
    trained = scripted(losses, objective=objective, num_patience_epochs=10)
    assert trained.epoch == (9 if objective == "topics" else 1)
    assert trained.validation == BoundPerWord(3.0 if objective == "topics" else 1.0, 0.0)


@pytest.mark.parametrize("objective", ["topics", "elbo"])
def test_training_stops_early_only_after_the_build_up(objective: str) -> None:
    trained = scripted([5.0] * 20, objective=objective, num_patience_epochs=1)
    # The second bad epoch in a row is the third after the build-up, which takes 14 of 20 epochs.
    assert trained.epochs == {"topics": 17, "elbo": 3}[objective]


@pytest.mark.parametrize("validated", [True, False])
def test_progress_is_reported(validated: bool) -> None:
    seen: list[Progress] = []
    bag, _ = planted.corpus(200, 9)
    settings = dataclasses.replace(SMALL, mini_batch_size=10)
    train(bag, settings, bag if validated else None, observe=seen.append)
    assert [(each.epoch, each.documents) for each in seen] == [
        (epoch, documents) for epoch in (1, 2) for documents in (160, 200)
    ]
    for each in seen:
        assert (each.epochs, each.epoch_documents) == (2, 200)
        assert each.documents_per_second > 0
        assert 3 < each.loss < 10
        assert (each.validation_loss is not None) == (validated and each.documents == 200)


def test_log_lines_match_the_built_ins(caplog: pytest.LogCaptureFixture) -> None:
    bag, _ = planted.corpus(100, 9)
    with caplog.at_level(logging.INFO):
        train(bag, SMALL, bag)
    number = r"\d+\.\d+"
    epoch = [
        rf"#quality_metric: host=algo-1, epoch={{}}, train total_loss <loss>={number}",
        rf"Loss \(name: value\) total: {number}",
        rf"Loss \(name: value\) kld: {number}",
        rf"Loss \(name: value\) recons: {number}",
        rf"Loss \(name: value\) logppx: {number}",
        rf"#validation_score \({{}}\): {number}",
        rf"#progress_metric: host=algo-1, completed {number} % of epochs",
        rf"#throughput_metric: host=algo-1, train throughput={number} records/second",
    ]
    expected = [line.format(number) if "{}" in line else line for number in (1, 2) for line in epoch]
    assert len(caplog.messages) == len(expected)
    for message, pattern in zip(caplog.messages, expected, strict=True):
        assert re.fullmatch(pattern, message)
