"""Network, optimizer and noise of one replica, on one device of one host."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ntm.common.hyperparameters import Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.batch import Batch
from ntm.network.inference import Array
from ntm.network.model import Losses, Network, select_topics
from ntm.training.device import training_device
from ntm.training.hosts import Hosts
from ntm.training.optimizers import Optimizer, annealing


class Learner:
    """Network in training, with gradient steps on its objective and removal of topics."""

    def __init__(self, hyperparameters: Hyperparameters, num_topics: int, word_counts: NDArray[np.float64], rank: int):
        """Create a network with random weights, the same on all hosts.

        Args:
            hyperparameters: Hyperparameters of the training job.
            num_topics: Initial number of topics.
            word_counts: Word counts of the corpus [V].
            rank: Rank of this host; each host has its own noise.
        """
        self.device = training_device()
        self._hyperparameters, self._objective = hyperparameters, hyperparameters.objective_settings
        self._unigram = torch.from_numpy(((word_counts + 1) / (word_counts + 1).sum()).astype(np.float32))
        self._noise = torch.Generator(self.device).manual_seed(hyperparameters.seed * 1000 + rank)
        self.network = self._make_network(num_topics)
        self._optimizer = Optimizer(self.network, hyperparameters)

    def _make_network(self, num_topics: int) -> Network:
        # Leave the caller's random state unchanged.
        with torch.random.fork_rng([]):
            torch.manual_seed(self._hyperparameters.seed)
            return Network(self._hyperparameters, num_topics, self._unigram).to(self.device)

    @torch.inference_mode()
    def step(self, batch: Batch, progress: float) -> Tensor:
        """Take one gradient step.

        Args:
            batch: The mini-batch; an empty one is skipped.
            progress: Share of all training steps that is complete after this one.

        Returns:
            ``losses_sums`` of the mini-batch.
        """
        if not len(batch):
            return torch.zeros(3, dtype=torch.float64, device=self.device)
        objective = self._objective
        grown = min(1.0, progress / (objective.build_up or progress))
        if not self.network.training:
            self.network.train()
        losses = self.network.learn(batch, self._noise, objective.divergence * grown, objective.information)
        self._optimizer.step(annealing(progress) if objective.annealed else 1.0)
        return losses_sums(losses, batch)

    def evaluate(self, chunks: Iterable[BagOfWords]) -> NDArray[np.float64]:
        """Return ``losses_sums`` of documents; the noise of h is the same in each call."""
        self.network.eval()
        noise = torch.Generator(self.device).manual_seed(0)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for chunk in chunks:
            batch = Batch.of(chunk, self.device)
            sums += losses_sums(self.network(batch, noise), batch)
        return sums.numpy(force=True)

    def topic_weights(self, documents: BagOfWords) -> Array:
        """Return the documents' topic mixtures, float32 [D, K], as in serving."""
        self.network.eval()
        weights: Array = self.network.topic_weights(Batch.of(documents, self.device)).numpy(force=True)
        return weights

    def average(self, hosts: Hosts, weight: float) -> None:
        """Replace the network by the mean of all hosts' networks, this one with the given weight."""
        hosts.average([each for each in self.network.state_dict().values() if each.is_floating_point()], weight)

    def keep(self, topics: NDArray[np.int64]) -> None:
        """Drop all other topics, including their optimizer state."""
        index = torch.from_numpy(topics).to(self.device)
        network, optimizer = self.network, self._optimizer
        self.network = self._make_network(len(topics))
        self.network.load_state_dict(
            {name: select_topics(name, tensor, index) for name, tensor in network.state_dict().items()}
        )
        self._optimizer = Optimizer(self.network, self._hyperparameters)
        self._optimizer.keep(optimizer, lambda name, tensor: select_topics(name, tensor, index))

    def state(self) -> dict[str, Any]:
        """Return the state from which ``restore`` continues."""
        return {
            "num_topics": self.network.num_topics,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state(),
            "noise": self._noise.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.network = self._make_network(state["num_topics"])
        self.network.load_state_dict(state["network"])
        self._optimizer = Optimizer(self.network, self._hyperparameters)
        self._optimizer.restore(state["optimizer"])
        self._noise.set_state(state["noise"].cpu())


def losses_sums(losses: Losses, batch: Batch) -> Tensor:
    """Return the summed reconstruction and divergence, in nats per word, and the number of documents, float64 [3]."""
    parts = torch.stack([losses.reconstruction, losses.divergence, batch.lengths])
    return parts.div_(batch.lengths).sum(1, dtype=torch.float64)
