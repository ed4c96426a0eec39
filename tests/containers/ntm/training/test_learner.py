import copy
import dataclasses

import numpy as np
import pytest
import torch

from ntm.common.hyperparameters import OPTIMIZERS, Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.batch import Batch
from ntm.training.learner import Learner
from tests.containers.ntm import planted

SETTINGS = Hyperparameters(feature_dim=planted.FEATURE_DIM, num_topics=planted.TOPICS, learning_rate=0.01)


def batch_of(bag: BagOfWords) -> Batch:
    return Batch.of(bag, torch.device("cpu"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_restored_learner_continues_identically(optimizer: str) -> None:
    bag = planted.corpus(60, 0)[0]
    counts = np.bincount(bag.words, bag.counts, planted.FEATURE_DIM)
    settings = dataclasses.replace(SETTINGS, optimizer=optimizer)
    learner, other = Learner(settings, 8, counts, 0), Learner(settings, 8, counts, 0)
    for progress in (0.1, 0.2, 0.3):
        learner.step(batch_of(bag), progress)
    learner.keep(np.array([0, 2, 3, 5, 7]))
    learner.step(batch_of(bag), 0.4)
    other.restore(copy.deepcopy(learner.state()))
    for each in (learner, other):
        each.step(batch_of(bag.part(0, 30)), 0.5)
    assert learner.network.num_topics == other.network.num_topics == 5
    torch.testing.assert_close(learner.network.state_dict(), other.network.state_dict(), rtol=0, atol=0)
    np.testing.assert_array_equal(learner.evaluate([bag]), other.evaluate([bag]))


def test_an_empty_mini_batch_is_skipped() -> None:
    bag = planted.corpus(5, 0)[0]
    learner = Learner(SETTINGS, 5, np.ones(planted.FEATURE_DIM), 0)
    before = [parameter.clone() for parameter in learner.network.parameters()]
    assert learner.step(batch_of(bag.part(0, 0)), 0.5).tolist() == [0, 0, 0]
    torch.testing.assert_close(list(learner.network.parameters()), before, rtol=0, atol=0)
