import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from ntm.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.learner import Learner, mutual_information
from tests.unit.ntm import planted

SETTINGS = Hyperparameters(feature_dim=planted.FEATURE_DIM, num_topics=planted.TOPICS, learning_rate=0.01)


def test_mutual_information() -> None:
    alike = torch.full((4, 3), 1 / 3)
    assert mutual_information(alike).item() == pytest.approx(0, abs=1e-6)
    # Each document is of one topic, and the topics are of one size.
    assert mutual_information(torch.eye(4)).item() == pytest.approx(math.log(4))
    # Each document is of one topic: all of the same.
    assert mutual_information(torch.eye(4)[:1].expand(5, 4)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_restored_learner_goes_on_the_same(optimizer: str) -> None:
    bag = planted.corpus(60, 0)[0]
    counts = np.bincount(bag.words, bag.counts, planted.FEATURE_DIM)
    settings = dataclasses.replace(SETTINGS, optimizer=optimizer)
    learner, other = Learner(settings, 8, counts, 0), Learner(settings, 8, counts, 0)
    for progress in (0.1, 0.2, 0.3):
        learner.step(bag, progress)
    learner.keep(np.array([0, 2, 3, 5, 7]))
    learner.step(bag, 0.4)
    other.restore(copy.deepcopy(learner.state()))
    for each in (learner, other):
        each.step(bag.part(0, 30), 0.5)
    assert learner.network.num_topics == other.network.num_topics == 5
    torch.testing.assert_close(learner.network.state_dict(), other.network.state_dict(), rtol=0, atol=0)
    np.testing.assert_array_equal(learner.evaluate([bag]), other.evaluate([bag]))


def test_an_empty_mini_batch_changes_nothing() -> None:
    bag = planted.corpus(5, 0)[0]
    learner = Learner(SETTINGS, 5, np.ones(planted.FEATURE_DIM), 0)
    before = [parameter.clone() for parameter in learner.network.parameters()]
    assert learner.step(bag.part(0, 0), 0.5).tolist() == [0, 0, 0]
    torch.testing.assert_close(list(learner.network.parameters()), before, rtol=0, atol=0)
