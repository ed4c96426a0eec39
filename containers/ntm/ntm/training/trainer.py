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

# So many documents are taken out of the corpus at once, or a batch if that is more.
_CHUNK = 8192
_EVALUATION_BATCH = 1024
# Enough documents to embed words by, and to tell a coherent topic from one that is not.
_SAMPLE_DOCUMENTS = 20_000
# Enough of them to compare one training job with another while both go on.
_TRACKING_DOCUMENTS = 5_000
_TRACKING_EPOCHS = 2

TOTAL_LOSS, NPMI, UNIQUENESS, NPMI_TU = "total_loss", "npmi", "tu", "npmi_tu"
TRACKED = (TOTAL_LOSS, NPMI, UNIQUENESS, NPMI_TU)
"""The metrics that can be followed while training goes on."""

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

    @classmethod
    def mean(cls, sums: NDArray[np.float64]) -> "BoundPerWord":
        """Return the mean of documents, given sums of both parts and the number of documents."""
        reconstruction, divergence, documents = map(float, sums)
        return cls(reconstruction / max(documents, 1), divergence / max(documents, 1))


@dataclass(frozen=True)
class Trained:
    """What training ends with.

    Attributes:
        model: the best model, or the last one where there was no validation; its topics are ordered by share.
        topics: the model's topics as they show in the training documents.
        epoch: the epoch it is from, counted from 1.
        epochs: the epochs that were begun.
        validation: its loss on the validation documents.
    """

    model: TopicModel
    topics: Topics
    epoch: int
    epochs: int
    validation: BoundPerWord | None


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Attributes:
        epoch: counted from 1.
        epochs: how many there are.
        documents: of this epoch that are done, on this host.
        epoch_documents: of an epoch, on this host.
        loss: mean of this epoch so far, nats a word.
        validation_loss: at the end of an epoch where there is validation, else None.
        documents_per_second: in this epoch, on this host.
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
    """What changes as training goes on, beside the learner: all else that a checkpoint needs.

    Attributes:
        sums: of reconstruction and divergence, nats a word, and number of this epoch's documents so far, float64 [3].
        order: the state of the generator of the documents' order when the epoch began, as JSON.
        epoch: the one in hand, counted from 1.
        steps: of this epoch that are done.
        losses: of validation, of each epoch that early stopping looked at.
        best: the network after the epoch ``best_epoch``, whose validation loss is the lowest; empty if there is none.
        best_loss: reconstruction and divergence of that loss.
        ended: whether training is over: its epochs are, or the validation loss no longer falls.
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
        """The number of epochs of which a step is done."""
        return self.epoch if self.steps else self.epoch - 1


def log_quality(host: str, epoch: int, metric: str, value: float) -> None:
    """Write a metric as the built-in does."""
    _log.info("#quality_metric: host=%s, epoch=%d, %s=%s", host, epoch, metric, value)


class Trainer:
    """One training run on one device of one host."""

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
        """Prepare a run; on a CPU the same arguments give the same model.

        Args:
            corpus: the training documents of this host.
            hyperparameters: those of the training job.
            hosts: those of the training job, connected.
            checkpoints: where the run is saved, and from where it goes on if it was interrupted.
            stopped: whether training was asked to stop; it then ends after the steps in hand.
            observe: is told of the progress now and then, and at the end of each epoch.
            tracked: a metric, of ``TRACKED``, that is logged at the end of epochs: it takes time.

        Raises:
            InputError: no host has a document, or there is a checkpoint of another run.
        """
        self._corpus, self._hyperparameters = corpus, hyperparameters
        self._objective = hyperparameters.objective_settings
        self._hosts = hosts or Hosts()
        self._checkpoints = checkpoints or Checkpoints(None, self._hosts.name)
        self._stopped, self._observe, self._tracked = stopped, observe, tracked

        counts = self._hosts.total(corpus.word_counts)
        if not counts.any():
            raise InputError("Channel train has no document with a word of the vocabulary.")
        documents = float(self._hosts.total(np.array([float(len(corpus))]))[0])
        self._weight = len(corpus) / documents
        self._epoch_size = round(len(corpus) * hyperparameters.sub_sample) or min(1, len(corpus))
        # All hosts take as many steps, those with fewer documents in smaller batches.
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
            raise InputError("The hosts' checkpoints are not of the same step: delete those of this job to start anew.")

    def run(self, validation: Corpus | None) -> Trained:
        """Train until the epochs are over, the validation loss no longer falls, or ``stopped`` says so.

        The best model and early stopping look at the epochs after the build-up of the objective: a loss from before is
        of another one.

        Raises:
            InputError: the loss is no longer finite.
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
        """Return the loss of the model on other documents: of each host its own, or all the same."""
        sums = self._learner.evaluate(corpus.chunks(documents=_EVALUATION_BATCH))
        return BoundPerWord.mean(self._hosts.total(sums))

    def _train_epoch(self) -> bool:
        """Take the epoch's steps that are left; return False if training was asked to stop among them."""
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
                if not self._go_on():
                    return False
        return True

    def _end_epoch(self, validation: Corpus | None) -> bool:
        """Log the epoch, judge it, and begin the next one; return False if training was asked to stop."""
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
        return self._go_on()

    def _track(self, validated: BoundPerWord | None) -> None:
        """Log the metric by which a tuning job chooses, so that it can stop this job where others were better."""
        state, hyperparameters = self._state, self._hyperparameters
        if self._tracked == TOTAL_LOSS and validated is not None:
            log_quality(self._hosts.name, state.epoch, "validation total_loss <loss>", validated.total)
        elif self._tracked in (NPMI, UNIQUENESS, NPMI_TU) and state.epoch % _TRACKING_EPOCHS == 0:
            own = self._sample()
            sample = Corpus.of(own.part(0, min(len(own), math.ceil(_TRACKING_DOCUMENTS * self._weight))))
            _, words = self._words(sample, self._statistics(sample))
            coherence = npmi(words, sample, self._hosts.total)
            # As if all the surplus were dropped now.
            left = survivors(words, coherence, hyperparameters.num_topics)
            values = {NPMI: coherence[left].mean(), UNIQUENESS: uniqueness(words[left]).mean()}
            value = values[NPMI] * values[UNIQUENESS] if self._tracked == NPMI_TU else values[self._tracked]
            log_quality(self._hosts.name, state.epoch, f"validation {self._tracked} <score>", float(value))

    def _judge(self, loss: BoundPerWord) -> bool:
        """Remember the epoch if its validation loss is the best so far; return whether training should stop."""
        state, hyperparameters = self._state, self._hyperparameters
        if (state.epoch - 1) / hyperparameters.epochs < self._objective.build_up:
            return False
        if not state.best or loss.total < sum(state.best_loss):
            state.best, state.best_epoch = copy.deepcopy(self._learner.network.state_dict()), state.epoch
            state.best_loss = [loss.reconstruction, loss.divergence]
        rule = EarlyStopping(hyperparameters.num_patience_epochs, hyperparameters.tolerance, state.losses)
        state.losses.append(loss.total)
        return rule.should_stop(loss.total)

    def _go_on(self) -> bool:
        """Save what is to be saved; return False if any host was asked to stop."""
        stop, save = (self._hosts.largest(float(flag)) > 0 for flag in (self._stopped(), self._checkpoints.due))
        if stop or save:
            self._checkpoints.save(self._job, vars(self._state) | {"learner": self._learner.state()})
        return not stop

    def _restore(self, saved: dict[str, Any]) -> None:
        self._learner.restore(saved.pop("learner"))
        self._state = _State(**saved)
        self._state.sums = self._state.sums.to(self._learner.device)
        self._random.bit_generator.state = json.loads(self._state.order)
        _log.info("Going on from the checkpoint, at step %d of epoch %d.", self._state.steps, self._state.epoch)

    def _order(self) -> str:
        return json.dumps(self._random.bit_generator.state)

    def _batches(self, skip: int) -> Iterator[Batch]:
        """Yield the epoch's documents in random order, in batches of nearly equal size: no small rest."""
        chunks = self._corpus.chunks(self._random, max(_CHUNK, *self._sizes))
        made = batches(chunks, self._sizes, self._corpus.feature_dim, self._learner.device)
        return itertools.islice(made, skip, None)

    def _wanted_topics(self, progress: float) -> int:
        """Return the number of topics after this part of the epochs."""
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
        """Return this host's part of the documents that words and topics are judged by: the same each time."""
        random = np.random.default_rng(self._hyperparameters.seed)
        chunks = self._corpus.chunks(random, max(1, math.ceil(_SAMPLE_DOCUMENTS * self._weight)))
        return next(chunks, concatenate([], self._corpus.feature_dim))

    def _statistics(self, corpus: Corpus) -> TopicStatistics:
        shape = (corpus.feature_dim, self._learner.network.num_topics)
        chunks = corpus.chunks(documents=_EVALUATION_BATCH)
        return TopicStatistics.of(chunks, self._learner.topic_weights, self._hosts.total, shape)

    def _describe(self) -> tuple[Topics, NDArray[np.int64]]:
        """Return the topics, the largest first, and what number each had."""
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
