"""Training: stochastic gradient steps on the evidence lower bound, with the built-in NTM's log and early stopping."""

import copy
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ntm.bag_of_words import BagOfWords
from ntm.errors import InputError
from ntm.hyperparameters import Hyperparameters
from ntm.inference import TopicModel
from ntm.model import Batch, Losses, NeuralTopicModel

# The weight of the divergence grows from 0 to 1 over this part of the epochs: at full weight from the start it is
# cheapest to leave most topics unused (Bowman et al., arXiv 1511.06349; Sonderby et al., arXiv 1602.02282).
_WARM_UP = 0.5
_EVALUATION_BATCH = 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoundPerWord:
    """The negative evidence lower bound in nats a word: each document's divided by its length, mean over documents."""

    reconstruction: float
    divergence: float

    @property
    def total(self) -> float:
        """The sum of both: what the built-in logs as total_loss."""
        return self.reconstruction + self.divergence


@dataclass(frozen=True)
class Trained:
    """What training ends with.

    Attributes:
        model: the best model, or the last one where there was no validation.
        epoch: the epoch it is from, counted from 1.
        epochs: the epochs that were begun.
        validation: its loss on the validation documents.
    """

    model: TopicModel
    epoch: int
    epochs: int
    validation: BoundPerWord | None


class EarlyStopping:
    """The built-in's rule: an epoch is bad when it does not beat the lowest of the last losses by the tolerance.

    The losses looked at are those of the last ``num_patience_epochs`` epochs; training stops once more than so many
    epochs in a row are bad.
    """

    def __init__(self, num_patience_epochs: int, tolerance: float) -> None:
        self._patience, self._tolerance = num_patience_epochs, tolerance
        self._last: deque[float] = deque(maxlen=num_patience_epochs)
        self._bad = 0

    def should_stop(self, loss: float) -> bool:
        """Take the loss of one more epoch; return whether to stop."""
        bad = bool(self._last) and loss > min(self._last) - self._tolerance
        self._bad = self._bad + 1 if bad else 0
        self._last.append(loss)
        return self._bad > self._patience


class Trainer:
    """One training run on one device."""

    def __init__(
        self, corpus: BagOfWords, hyperparameters: Hyperparameters, *, seed: int, host: str, stopped: Callable[[], bool]
    ) -> None:
        """Prepare a run; on a CPU the same arguments give the same model.

        Args:
            corpus: the training documents, none of them empty.
            hyperparameters: those of the training job.
            seed: of all that is random.
            host: this container's name in the log.
            stopped: whether training was asked to stop; it then ends after the batch in hand.
        """
        torch.manual_seed(seed)
        self._random = np.random.default_rng(seed)
        self._corpus, self._hyperparameters, self._host, self._stopped = corpus, hyperparameters, host, stopped
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        frequencies = np.bincount(corpus.words, corpus.counts, minlength=corpus.feature_dim) + 1
        unigram = torch.from_numpy((frequencies / frequencies.sum()).astype(np.float32))
        self._network = NeuralTopicModel(hyperparameters, unigram).to(self._device)
        self._optimizer = _optimizer(self._network, hyperparameters)
        self._epoch_size = max(1, round(len(corpus) * hyperparameters.sub_sample))
        self._batches = math.ceil(self._epoch_size / hyperparameters.mini_batch_size)
        self._warm_up_steps = _WARM_UP * hyperparameters.epochs * self._batches
        self._step = 0

    def run(self, validation: BagOfWords | None) -> Trained:
        """Train until the epochs are over, the validation loss no longer falls, or ``stopped`` says so.

        The best model and early stopping look at the epochs after the warm-up of the divergence: a loss from before
        is of another objective.

        Raises:
            InputError: the loss is no longer finite.
        """
        rule = EarlyStopping(self._hyperparameters.num_patience_epochs, self._hyperparameters.tolerance)
        best, best_epoch, best_loss = self._network.state_dict(), 0, None
        best_is_warm = False
        epoch = 0
        for epoch in range(1, self._hyperparameters.epochs + 1):
            self._train_epoch(epoch)
            if validation is None:
                best_epoch = epoch
            else:
                loss = self.evaluate(validation)
                _log.info("#validation_score (%d): %s", epoch, loss.total)
                warm = self._step >= self._warm_up_steps
                if best_loss is None or not best_is_warm or loss.total < best_loss.total:
                    best, best_epoch, best_loss = copy.deepcopy(self._network.state_dict()), epoch, loss
                    best_is_warm = warm
                if warm and rule.should_stop(loss.total):
                    break
            if self._stopped():
                _log.info("Training was asked to stop; it ends in epoch %d.", epoch)
                break
        self._network.load_state_dict(best)
        return Trained(self._network.export(), best_epoch, epoch, best_loss)

    def evaluate(self, corpus: BagOfWords) -> BoundPerWord:
        """Return the loss on other documents, none of them empty; the noise of h is the same at each call."""
        self._network.eval()
        noise = torch.Generator().manual_seed(0)
        parts = []
        with torch.no_grad():
            for start in range(0, len(corpus), _EVALUATION_BATCH):
                batch = self._batch(corpus, np.arange(start, min(start + _EVALUATION_BATCH, len(corpus))))
                draw = torch.randn(len(batch.lengths), self._hyperparameters.num_topics, generator=noise)
                parts.append(_per_word(self._network(batch, draw.to(self._device)), batch))
        return _mean(parts)

    def _train_epoch(self, epoch: int) -> None:
        self._network.train()
        started = time.monotonic()
        parts = []
        for batch in self._epoch():
            parts.append(self._train_step(batch))
            if self._stopped():
                break
        loss = _mean(parts)
        if not math.isfinite(loss.total):
            raise InputError(
                f"The loss is {loss.total} in epoch {epoch}: training diverged. Lower learning_rate "
                f"({self._hyperparameters.learning_rate:g}) or clip_gradient ({self._hyperparameters.clip_gradient:g})."
            )
        documents = sum(len(part.divergence) for part in parts)
        _log.info("#quality_metric: host=%s, epoch=%d, train total_loss <loss>=%s", self._host, epoch, loss.total)
        for name, value in (
            ("total", loss.total),
            ("kld", loss.divergence),
            ("recons", loss.reconstruction),
            ("logppx", loss.total),
        ):
            _log.info("Loss (name: value) %s: %s", name, value)
        done = 100 * epoch / self._hyperparameters.epochs
        _log.info("#progress_metric: host=%s, completed %.1f %% of epochs", self._host, done)
        rate = documents / max(time.monotonic() - started, 1e-9)
        _log.info("#throughput_metric: host=%s, train throughput=%s records/second", self._host, rate)

    def _epoch(self) -> Iterator[Batch]:
        """Yield an epoch's documents in random order, in batches of nearly equal size: no small rest."""
        order = self._random.permutation(len(self._corpus))[: self._epoch_size]
        for index in np.array_split(order, self._batches):
            yield self._batch(self._corpus, index)

    def _batch(self, corpus: BagOfWords, index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Batch:
        return Batch.of(corpus.rows(index), self._device)

    def _train_step(self, batch: Batch) -> Losses:
        """Take one gradient step; return the documents' losses in nats a word."""
        noise = torch.randn(len(batch.lengths), self._hyperparameters.num_topics, device=self._device)
        losses = self._network(batch, noise)
        self._step += 1
        weight = min(1.0, self._step / self._warm_up_steps)
        # Summed, not averaged, over the documents: Adadelta, the default, hardly moves where gradients are small.
        objective = (losses.reconstruction + weight * losses.divergence).sum()
        self._optimizer.zero_grad()
        objective.backward()
        scale, limit = self._hyperparameters.rescale_gradient, self._hyperparameters.clip_gradient
        for parameter in self._network.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(scale).clamp_(-limit, limit)
        self._optimizer.step()
        return _per_word(Losses(*(part.detach() for part in losses)), batch)


def _optimizer(network: nn.Module, hyperparameters: Hyperparameters) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = hyperparameters.learning_rate, hyperparameters.weight_decay
    match hyperparameters.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)
        case "adagrad":
            return torch.optim.Adagrad(parameters, lr=rate, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, alpha=0.9, eps=1e-8, weight_decay=decay)
        case _:
            # As published (Zeiler, arXiv 1212.5701) and as in MXNet, Adadelta has no learning rate.
            return torch.optim.Adadelta(parameters, lr=1.0, rho=0.9, eps=1e-5, weight_decay=decay)


def _per_word(losses: Losses, batch: Batch) -> Losses:
    return Losses(losses.reconstruction / batch.lengths, losses.divergence / batch.lengths)


def _mean(parts: list[Losses]) -> BoundPerWord:
    def mean(tensors: list[Tensor]) -> float:
        return float(torch.cat(tensors).double().mean())

    return BoundPerWord(mean([part.reconstruction for part in parts]), mean([part.divergence for part in parts]))
