"""Training: stochastic gradient steps on the objective, with the built-in NTM's log and early stopping."""

import copy
import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ntm.common.errors import InputError
from ntm.common.hyperparameters import Hyperparameters
from ntm.data.bag_of_words import BagOfWords, concatenate
from ntm.data.batch import Batch, batches, even_sizes
from ntm.data.corpus import Corpus
from ntm.network.inference import TopicModel
from ntm.topics.coherence import npmi, uniqueness
from ntm.topics.pruning import survivors, topics_at
from ntm.topics.ranking import TopicStatistics, best_words, most_coherent
from ntm.topics.topics import WORDS_PER_TOPIC, Topics
from ntm.training.checkpoint import Checkpoints
from ntm.training.early_stopping import EarlyStopping
from ntm.training.hosts import SYNC_STEPS, Hosts
from ntm.training.latent_semantics import word_embeddings
from ntm.training.learner import Learner

# Documents read from the corpus at a time; at least a batch.
_CHUNK = 8192
_EVALUATION_BATCH = 1024
# Enough documents for word embeddings and for coherence.
_SAMPLE_DOCUMENTS = 20_000
# Enough documents to compare running training jobs.
_TRACKING_DOCUMENTS = 5_000
_TRACKING_EPOCHS = 2

TOTAL_LOSS, NPMI, UNIQUENESS, NPMI_TU = "total_loss", "npmi", "tu", "npmi_tu"
TRACKED = (TOTAL_LOSS, NPMI, UNIQUENESS, NPMI_TU)
"""Metrics that can be logged during training."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoundPerWord:
    """Negative evidence lower bound in nats per word: divided by each document's length, mean over documents."""

    reconstruction: float
    divergence: float

    @property
    def total(self) -> float:
        """Sum of both, logged by the built-in as total_loss."""
        return self.reconstruction + self.divergence

    @classmethod
    def mean(cls, sums: NDArray[np.float64]) -> "BoundPerWord":
        """Return the mean over documents, given the sums of both parts and the number of documents."""
        reconstruction, divergence, documents = map(float, sums)
        return cls(reconstruction / max(documents, 1), divergence / max(documents, 1))


@dataclass(frozen=True)
class Trained:
    """Result of training.

    Attributes:
        model: The best model, or the last one without validation; topics are ordered by share.
        topics: Topics of the model in the training documents.
        epoch: Epoch of the model, counted from 1.
        epochs: Number of epochs started.
        validation: Loss on the validation documents; None without validation.
    """

    model: TopicModel
    topics: Topics
    epoch: int
    epochs: int
    validation: BoundPerWord | None


@dataclass(frozen=True)
class Progress:
    """Progress of training.

    Attributes:
        epoch: Current epoch, counted from 1.
        epochs: Total number of epochs.
        documents: Documents processed in this epoch on this host.
        epoch_documents: Documents per epoch on this host.
        loss: Mean loss of this epoch so far, in nats per word.
        validation_loss: Validation loss at the end of an epoch, else None.
        documents_per_second: Throughput of this host in this epoch.
    """

    epoch: int
    epochs: int
    documents: int
    epoch_documents: int
    loss: float
    validation_loss: float | None
    documents_per_second: float


@dataclass
class _State:
    """Training state of a checkpoint, besides the learner.

    Attributes:
        sums: Reconstruction and divergence in nats per word, and number of documents of this epoch so far, float64 [3].
        order: State of the shuffling generator at the start of the epoch, as JSON.
        epoch: Current epoch, counted from 1.
        steps: Completed steps of this epoch.
        losses: Validation losses of the epochs considered by early stopping.
        best: Parameters after ``best_epoch``, the epoch with the lowest validation loss; empty if there is none.
        best_loss: Reconstruction and divergence of that loss.
        ended: True if all epochs are complete or early stopping ended training.
    """

    sums: Tensor
    order: str
    epoch: int = 1
    steps: int = 0
    losses: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    best_loss: list[float] = field(default_factory=list)
    ended: bool = False

    @property
    def begun(self) -> int:
        """Number of epochs started."""
        return self.epoch if self.steps else self.epoch - 1


def log_quality(host: str, epoch: int, metric: str, value: float) -> None:
    """Log a metric in the built-in's format."""
    _log.info("#quality_metric: host=%s, epoch=%d, %s=%s", host, epoch, metric, value)


class Trainer:
    """Training run on one device of one host."""

    def __init__(
        self,
        corpus: Corpus,
        hyperparameters: Hyperparameters,
        *,
        hosts: Hosts | None = None,
        checkpoints: Checkpoints | None = None,
        stopped: Callable[[], bool] = lambda: False,
        observe: Callable[[Progress], None] = lambda _: None,
        tracked: str | None = None,
    ) -> None:
        """Prepare a run; on a CPU, the same arguments give the same model.

        Args:
            corpus: Training documents of this host.
            hyperparameters: Hyperparameters of the training job.
            hosts: Connected hosts of the training job.
            checkpoints: Checkpoints to save to and to resume from.
            stopped: Returns True if training was asked to stop; it ends after the current steps.
            observe: Called with the progress from time to time and at the end of each epoch.
            tracked: Metric in ``TRACKED`` to log at the end of epochs; computing it takes time.

        Raises:
            InputError: No host has a document, or a checkpoint belongs to another run.
        """
        self._corpus, self._hyperparameters = corpus, hyperparameters
        self._objective = hyperparameters.objective_settings
        self._hosts = hosts or Hosts()
        self._checkpoints = checkpoints or Checkpoints(None, self._hosts.name)
        self._stopped, self._observe, self._tracked = stopped, observe, tracked

        counts = self._hosts.total(corpus.word_counts)
        if not counts.any():
            raise InputError("No document of channel train contains a word of the vocabulary.")
        documents = float(self._hosts.total(np.array([float(len(corpus))]))[0])
        self._weight = len(corpus) / documents
        self._epoch_size = round(len(corpus) * hyperparameters.sub_sample) or min(1, len(corpus))
        # All hosts take the same number of steps; those with fewer documents use smaller batches.
        steps = math.ceil(self._hosts.largest(self._epoch_size) / hyperparameters.mini_batch_size)
        self._sizes = even_sizes(self._epoch_size, steps)
        self._random = np.random.default_rng([hyperparameters.seed, self._hosts.rank])
        self._learner = Learner(hyperparameters, self._wanted_topics(0.0), counts, self._hosts.rank)
        if self._objective.embedded:
            first, seed = hyperparameters.hidden_sizes[0], hyperparameters.seed
            embeddings = word_embeddings(Corpus.of(self._sample()), first, seed, self._hosts.total)
            self._learner.network.words.start_from(torch.from_numpy(embeddings))
        self._state = _State(torch.zeros(3, dtype=torch.float64, device=self._learner.device), self._order())
        self._rate = 0.0
        self._job = {
            **asdict(hyperparameters),
            "hosts": self._hosts.count,
            "documents": documents,
            "words": float(counts.sum()),
        }
        if (saved := self._checkpoints.load(self._job)) is not None:
            self._restore(saved)
        done = float(saved is not None and (self._state.epoch - 1) * steps + self._state.steps)
        if self._hosts.largest(done) != -self._hosts.largest(-done):
            raise InputError("The hosts' checkpoints are from different steps. Delete them to start over.")

    def run(self, validation: Corpus | None) -> Trained:
        """Train until all epochs are complete, early stopping applies, or ``stopped`` returns True.

        Early stopping and the choice of the best model ignore the epochs of the objective's build-up, whose losses are
        not comparable.

        Raises:
            InputError: The loss is not finite.
        """
        state = self._state
        while not state.ended:
            self._drop_surplus((state.epoch - 1) / self._hyperparameters.epochs)
            if not (self._train_epoch() and self._end_epoch(validation)) and not state.ended:
                _log.info("Training was asked to stop; it ends in epoch %d.", state.begun)
                break
        self._drop_surplus(1.0)
        loss = None
        if state.best:
            self._learner.network.load_state_dict(state.best)
            loss = BoundPerWord(*state.best_loss)
        elif validation is not None:
            loss = self.evaluate(validation)
        topics, order = self._describe()
        model = self._learner.network.export().reordered(order)
        return Trained(model, topics, state.best_epoch or state.begun, state.begun, loss)

    def evaluate(self, corpus: Corpus) -> BoundPerWord:
        """Return the loss on other documents; hosts may pass different parts or the same documents."""
        sums = self._learner.evaluate(corpus.chunks(documents=_EVALUATION_BATCH))
        return BoundPerWord.mean(self._hosts.total(sums))

    def _train_epoch(self) -> bool:
        """Take the remaining steps of the epoch; return False if training was asked to stop."""
        state, steps, done = self._state, len(self._sizes), 0
        started = time.monotonic()
        for batch in self._batches(skip=state.steps):
            overall = (state.epoch - 1) * steps + state.steps + 1
            state.sums += self._learner.step(batch, overall / (self._hyperparameters.epochs * steps))
            state.steps += 1
            done += len(batch)
            last = state.steps == steps
            if state.steps % SYNC_STEPS and not last:
                continue
            self._learner.average(self._hosts, self._weight)
            loss = BoundPerWord.mean(state.sums.numpy(force=True)).total
            if not math.isfinite(loss):
                raise InputError(
                    f"The loss is {loss} in epoch {state.epoch}: training diverged. Lower learning_rate "
                    f"({self._hyperparameters.learning_rate:g}) or clip_gradient "
                    f"({self._hyperparameters.clip_gradient:g})."
                )
            self._rate = done / max(time.monotonic() - started, 1e-9)
            if not last:
                self._report(loss, None)
                if not self._save_if_due():
                    return False
        return True

    def _end_epoch(self, validation: Corpus | None) -> bool:
        """Log and judge the epoch and start the next one; return False if training was asked to stop."""
        state, epochs, host = self._state, self._hyperparameters.epochs, self._hosts.name
        loss = BoundPerWord.mean(self._hosts.total(state.sums.numpy(force=True)))
        log_quality(host, state.epoch, "train total_loss <loss>", loss.total)
        for name, value in (
            ("total", loss.total),
            ("kld", loss.divergence),
            ("recons", loss.reconstruction),
            ("logppx", loss.total),
        ):
            _log.info("Loss (name: value) %s: %s", name, value)
        validated = None if validation is None else self.evaluate(validation)
        if validated is not None:
            _log.info("#validation_score (%d): %s", state.epoch, validated.total)
        _log.info("#progress_metric: host=%s, completed %.1f %% of epochs", host, 100 * state.epoch / epochs)
        _log.info("#throughput_metric: host=%s, train throughput=%s records/second", host, self._rate)
        self._report(loss.total, None if validated is None else validated.total)
        state.ended = (validated is not None and self._judge(validated)) or state.epoch == epochs
        if not state.ended:
            self._track(validated)
            state.epoch, state.steps, state.sums = state.epoch + 1, 0, torch.zeros_like(state.sums)
            state.order = self._order()
        return self._save_if_due()

    def _track(self, validated: BoundPerWord | None) -> None:
        """Log the objective metric of the tuning job, which may stop this job early."""
        state, hyperparameters = self._state, self._hyperparameters
        if self._tracked == TOTAL_LOSS and validated is not None:
            log_quality(self._hosts.name, state.epoch, "validation total_loss <loss>", validated.total)
        elif self._tracked in (NPMI, UNIQUENESS, NPMI_TU) and state.epoch % _TRACKING_EPOCHS == 0:
            own = self._sample()
            sample = Corpus.of(own.part(0, min(len(own), math.ceil(_TRACKING_DOCUMENTS * self._weight))))
            _, words = self._words(sample, self._statistics(sample))
            coherence = npmi(words, sample, self._hosts.total)
            # Evaluate as if all surplus topics were dropped now.
            left = survivors(words, coherence, hyperparameters.num_topics)
            values = {NPMI: coherence[left].mean(), UNIQUENESS: uniqueness(words[left]).mean()}
            value = values[NPMI] * values[UNIQUENESS] if self._tracked == NPMI_TU else values[self._tracked]
            log_quality(self._hosts.name, state.epoch, f"validation {self._tracked} <score>", float(value))

    def _judge(self, loss: BoundPerWord) -> bool:
        """Keep the epoch if its validation loss is the best so far; return True if training should stop."""
        state, hyperparameters = self._state, self._hyperparameters
        if (state.epoch - 1) / hyperparameters.epochs < self._objective.build_up:
            return False
        if not state.best or loss.total < sum(state.best_loss):
            state.best, state.best_epoch = copy.deepcopy(self._learner.network.state_dict()), state.epoch
            state.best_loss = [loss.reconstruction, loss.divergence]
        rule = EarlyStopping(hyperparameters.num_patience_epochs, hyperparameters.tolerance, state.losses)
        state.losses.append(loss.total)
        return rule.should_stop(loss.total)

    def _save_if_due(self) -> bool:
        """Save a checkpoint if one is due; return False if any host was asked to stop."""
        stop, save = (self._hosts.largest(float(flag)) > 0 for flag in (self._stopped(), self._checkpoints.due))
        if stop or save:
            self._checkpoints.save(self._job, vars(self._state) | {"learner": self._learner.state()})
        return not stop

    def _restore(self, saved: dict[str, Any]) -> None:
        self._learner.restore(saved.pop("learner"))
        self._state = _State(**saved)
        self._state.sums = self._state.sums.to(self._learner.device)
        self._random.bit_generator.state = json.loads(self._state.order)
        _log.info("Resuming from the checkpoint at step %d of epoch %d.", self._state.steps, self._state.epoch)

    def _order(self) -> str:
        return json.dumps(self._random.bit_generator.state)

    def _batches(self, skip: int) -> Iterator[Batch]:
        """Yield the epoch's documents in random order, in batches of nearly equal size."""
        chunks = self._corpus.chunks(self._random, max(_CHUNK, *self._sizes))
        made = batches(chunks, self._sizes, self._corpus.feature_dim, self._learner.device)
        return itertools.islice(made, skip, None)

    def _wanted_topics(self, progress: float) -> int:
        """Return the number of topics after this share of the epochs."""
        wanted, surplus = self._hyperparameters.num_topics, self._objective.surplus
        return topics_at(min(1.0, progress / self._objective.build_up), wanted, surplus) if surplus > 1 else wanted

    def _drop_surplus(self, progress: float) -> None:
        wanted = self._wanted_topics(progress)
        if wanted < self._learner.network.num_topics:
            sample = Corpus.of(self._sample())
            scores, words = self._words(sample, self._statistics(sample))
            coherence = npmi(words, sample, self._hosts.total)
            self._learner.keep(survivors(best_words(scores, WORDS_PER_TOPIC), coherence, wanted))

    def _words(self, sample: Corpus, statistics: TopicStatistics) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return most_coherent(statistics, WORDS_PER_TOPIC, lambda words: npmi(words, sample, self._hosts.total))

    def _sample(self) -> BagOfWords:
        """Return this host's part of a fixed sample of documents for judging words and topics."""
        random = np.random.default_rng(self._hyperparameters.seed)
        chunks = self._corpus.chunks(random, max(1, math.ceil(_SAMPLE_DOCUMENTS * self._weight)))
        return next(chunks, concatenate([], self._corpus.feature_dim))

    def _statistics(self, corpus: Corpus) -> TopicStatistics:
        shape = (corpus.feature_dim, self._learner.network.num_topics)
        chunks = corpus.chunks(documents=_EVALUATION_BATCH)
        return TopicStatistics.of(chunks, self._learner.topic_weights, self._hosts.total, shape)

    def _describe(self) -> tuple[Topics, NDArray[np.int64]]:
        """Return the topics, largest first, and their previous indices."""
        statistics = self._statistics(self._corpus)
        _, words = self._words(Corpus.of(self._sample()), statistics)
        probabilities = self._learner.network.export().word_probabilities().T
        topics = Topics(
            (statistics.weights / statistics.documents).astype(np.float32),
            words,
            np.take_along_axis(probabilities, words, axis=1),
            npmi(words, self._corpus, self._hosts.total),
            uniqueness(words),
        )
        order = np.argsort(-topics.share, kind="stable")
        return topics.reordered(order), order

    def _report(self, loss: float, validation_loss: float | None) -> None:
        state = self._state
        done = sum(self._sizes[: state.steps])
        self._observe(
            Progress(
                state.epoch, self._hyperparameters.epochs, done, self._epoch_size, loss, validation_loss, self._rate
            )
        )
