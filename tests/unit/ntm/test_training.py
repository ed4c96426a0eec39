import dataclasses
import logging
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm import topics
from ntm.bag_of_words import BagOfWords, bag_of_words
from ntm.errors import InputError
from ntm.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.inference import TopicModel
from ntm.model import Batch, NeuralTopicModel
from ntm.training import BoundPerWord, EarlyStopping, Trained, Trainer
from tests.unit.ntm import planted

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
    corpus: BagOfWords,
    hyperparameters: Hyperparameters,
    validation: BagOfWords | None = None,
    *,
    seed: int = 0,
    stop_after: int = 10**9,
) -> Trained:
    asked = iter(range(10**9))
    trainer = Trainer(corpus, hyperparameters, seed=seed, host="algo-1", stopped=lambda: next(asked) >= stop_after)
    return trainer.run(validation)


def arrays(model: TopicModel) -> list[np.ndarray]:
    layers = [*model.hidden, model.mean, model.decoder]
    return [array for layer in layers for array in (layer.weight, layer.bias)]


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_topics_are_recovered(seed: int) -> None:
    corpus, truth = planted.corpus(1000, seed)
    held_out, held_out_truth = planted.corpus(200, seed + 100)
    trained = train(corpus, dataclasses.replace(SMALL, epochs=30), held_out, seed=seed)
    described = topics.describe(trained.model, corpus)
    owners = described.words[:, :10] // planted.WORDS
    assert sorted(owners[:, 0]) == list(range(planted.TOPICS))
    assert (owners == owners[:, :1]).mean() > 0.95
    assert described.uniqueness.min() > 0.9
    for documents, labels in ((corpus, truth), (held_out, held_out_truth)):
        found = owners[trained.model.topic_weights(documents).argmax(axis=1), 0]
        assert (found == labels).mean() > 0.97


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("layers", [(30,), (30, 20, 10)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_exported_model_is_the_network_in_evaluation(
    activation: str, layers: tuple[int, ...], batch_norm: bool
) -> None:
    corpus, _ = planted.corpus(300, 1)
    settings = dataclasses.replace(
        SMALL, encoder_layers=layers, encoder_layers_activation=activation, batch_norm=batch_norm
    )
    torch.manual_seed(0)
    network = NeuralTopicModel(settings, torch.full((planted.FEATURE_DIM,), 1 / planted.FEATURE_DIM))
    batch = Batch.of(corpus, torch.device("cpu"))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(5):
        losses = network(batch, torch.randn(len(corpus), planted.TOPICS))
        sum(losses).sum().backward()
        optimizer.step()
    network.eval()
    model = network.export()
    with torch.no_grad():
        theta = torch.softmax(network.encode(batch)[0], dim=1)
        weights, bias = network.decoder.normalised()
    np.testing.assert_allclose(model.topic_weights(corpus), theta.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.decoder.weight, weights.numpy(), rtol=1e-6)
    np.testing.assert_allclose(
        model.word_probabilities(), torch.softmax(weights + bias[:, None], dim=0).numpy(), rtol=1e-4
    )


def test_sparse_loss_is_the_dense_formula() -> None:
    corpus, _ = planted.corpus(50, 2)
    torch.manual_seed(0)
    network = NeuralTopicModel(SMALL, torch.full((planted.FEATURE_DIM,), 1 / planted.FEATURE_DIM)).eval()
    batch = Batch.of(corpus, torch.device("cpu"))
    noise = torch.randn(len(corpus), planted.TOPICS)
    counts = torch.zeros(len(corpus), planted.FEATURE_DIM)
    counts[torch.from_numpy(corpus.documents), batch.words] = batch.counts
    with torch.no_grad():
        losses = network(batch, noise)
        mean, log_variance = network.encode(batch)
        weights, bias = network.decoder.normalised()
        theta = torch.softmax(mean + noise * (log_variance / 2).exp(), dim=1)
        logits = theta @ weights.T + bias
        expected = -(counts * torch.log_softmax(logits, dim=1)).sum(1)
        prior = torch.distributions.Normal(0.0, 3.0**0.5)
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        divergence = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(losses.reconstruction, expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(losses.divergence, divergence, rtol=1e-4, atol=1e-4)


def test_decoder_logits_have_variance_one_over_the_batch() -> None:
    torch.manual_seed(0)
    network = NeuralTopicModel(SMALL, torch.full((planted.FEATURE_DIM,), 1 / planted.FEATURE_DIM))
    with torch.no_grad():
        network.decoder.weight.mul_(100)
        theta = torch.softmax(torch.randn(400, planted.TOPICS), dim=1)
        weights, bias = network.decoder.normalised(theta)
        logits = theta @ weights.T + bias
    torch.testing.assert_close(logits.var(0, correction=0), torch.ones(planted.FEATURE_DIM), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(logits.mean(0), network.decoder.bias.detach(), rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_model() -> None:
    corpus, _ = planted.corpus(200, 3)
    first, second, other = (train(corpus, SMALL, seed=seed).model for seed in (5, 5, 6))
    for one, same in zip(arrays(first), arrays(second), strict=True):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(arrays(first), arrays(other), strict=True))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_lowers_the_loss(optimizer: str, caplog: pytest.LogCaptureFixture) -> None:
    corpus, _ = planted.corpus(300, 4)
    with caplog.at_level(logging.INFO):
        train(corpus, dataclasses.replace(SMALL, optimizer=optimizer, epochs=6, clip_gradient=0.5))
    losses = [float(loss) for loss in re.findall(r"train total_loss <loss>=(\S+)", caplog.text)]
    assert len(losses) == 6
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("documents", "changes"),
    [
        (1, {}),
        (65, {}),
        (20, {"mini_batch_size": 1}),
        (300, {"sub_sample": 0.1}),
        (30, {"sub_sample": 0.0}),
        (30, {"batch_norm": False, "encoder_layers": None, "optimizer": "adadelta"}),
        (30, {"num_topics": 300}),
    ],
)
def test_small_corpora_and_unusual_settings_train(documents: int, changes: dict[str, Any]) -> None:
    corpus, _ = planted.corpus(documents, 5)
    trained = train(corpus, dataclasses.replace(SMALL, **changes), corpus)
    assert trained.validation is not None
    assert np.isfinite(trained.validation.total)
    described = topics.describe(trained.model, corpus)
    assert described.share.sum() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(described.npmi).all()


def test_a_vocabulary_of_one_word_trains() -> None:
    corpus = bag_of_words(np.arange(3), np.zeros(3, np.int64), np.ones(3), (3, 1))
    described = topics.describe(train(corpus, dataclasses.replace(SMALL, feature_dim=1)).model, corpus)
    assert described.words.tolist() == [[0]] * planted.TOPICS
    assert described.npmi.tolist() == [0] * planted.TOPICS


def test_a_loss_that_is_not_finite_is_said() -> None:
    corpus, _ = planted.corpus(100, 6)
    wild = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1.0, batch_norm=False, epochs=50)
    huge = dataclasses.replace(corpus, counts=corpus.counts * np.float32(1e37))
    with pytest.raises(InputError, match=r"training diverged\. Lower learning_rate \(1\)"):
        train(huge, wild)


def test_training_ends_when_asked_to_and_keeps_a_model() -> None:
    corpus, _ = planted.corpus(300, 7)
    trained = train(corpus, dataclasses.replace(SMALL, epochs=500), corpus, stop_after=12)
    assert 2 <= trained.epochs <= 3
    assert trained.validation is not None


def test_training_stops_early_only_after_the_warm_up() -> None:
    corpus, _ = planted.corpus(300, 8)
    settings = dataclasses.replace(SMALL, epochs=60, tolerance=0.1, num_patience_epochs=1)
    trained = train(corpus, settings, corpus)
    # The warm-up ends with the 30th epoch; the 32nd is the second bad one in a row.
    assert trained.epochs == 32
    assert trained.epoch >= 30


def test_the_best_model_is_of_the_lowest_loss_after_the_warm_up() -> None:
    corpus, _ = planted.corpus(100, 8)
    losses = iter([1.0, 2.0, 5.0, 3.0, 4.0, 3.5])

    class Scripted(Trainer):
        def evaluate(self, corpus: BagOfWords) -> BoundPerWord:
            assert corpus is held_out
            return BoundPerWord(next(losses), 0.0)

    held_out, _ = planted.corpus(10, 9)
    settings = dataclasses.replace(SMALL, epochs=6)
    trained = Scripted(corpus, settings, seed=0, host="algo-1", stopped=lambda: False).run(held_out)
    # The weight of the divergence is 1 from the third epoch's last step on.
    assert trained.epoch == 4
    assert trained.validation == BoundPerWord(3.0, 0.0)


def test_log_lines_are_those_of_the_built_in(caplog: pytest.LogCaptureFixture) -> None:
    corpus, _ = planted.corpus(100, 9)
    with caplog.at_level(logging.INFO):
        train(corpus, SMALL, corpus)
    number = r"\d+\.\d+"
    epoch = [
        rf"#quality_metric: host=algo-1, epoch={{}}, train total_loss <loss>={number}",
        rf"Loss \(name: value\) total: {number}",
        rf"Loss \(name: value\) kld: {number}",
        rf"Loss \(name: value\) recons: {number}",
        rf"Loss \(name: value\) logppx: {number}",
        rf"#progress_metric: host=algo-1, completed {number} % of epochs",
        rf"#throughput_metric: host=algo-1, train throughput={number} records/second",
        rf"#validation_score \({{}}\): {number}",
    ]
    expected = [line.format(number) if "{}" in line else line for number in (1, 2) for line in epoch]
    assert len(caplog.messages) == len(expected)
    for message, pattern in zip(caplog.messages, expected, strict=True):
        assert re.fullmatch(pattern, message)


@given(st.lists(st.floats(-10, 10), min_size=1), st.integers(1, 5), st.floats(1e-6, 0.1))
def test_early_stopping_is_the_built_ins_rule(losses: list[float], patience: int, tolerance: float) -> None:
    rule = EarlyStopping(patience, tolerance)
    bad = 0
    for epoch, loss in enumerate(losses):
        last = losses[max(0, epoch - patience) : epoch]
        bad = 0 if not last or loss <= min(last) - tolerance else bad + 1
        assert rule.should_stop(loss) == (bad > patience)
        if bad > patience:
            break
