"""Training job: reads SageMaker's input directory, trains, and writes the model directory."""

import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ntm.artifacts.artifacts import Auxiliary, write_model
from ntm.common import sagemaker
from ntm.common.errors import InputError
from ntm.common.hyperparameters import TUNING_OBJECTIVE, Hyperparameters
from ntm.data.corpus import Corpus, read_channel
from ntm.topics.word_vectors import VECTORS, mean_of_known, with_wetc
from ntm.training.checkpoint import Checkpoints
from ntm.training.device import describe, training_device
from ntm.training.hosts import Hosts
from ntm.training.trainer import TRACKED, Trained, Trainer, log_quality

_CHECKPOINT_SECONDS = "NTM_CHECKPOINT_SECONDS"

_log = logging.getLogger(__name__)


def main() -> int:
    """Run the training job; return the container's exit code."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="[%(asctime)s %(levelname)s %(thread)d] %(message)s",
        datefmt="%m/%d/%Y %H:%M:%S",
    )
    try:
        run(stop.is_set)
    except InputError as error:
        _log.error("%s", error)
        sagemaker.write_failure(str(error))
        return 1
    except Exception as error:
        _log.exception("The training job failed.")
        sagemaker.write_failure(f"Internal error: {error!r}. The log has the traceback.")
        return 1
    return 0


def run(stopped: Callable[[], bool]) -> None:
    """Read the request and the channels, train, and write the model.

    Args:
        stopped: Returns True if SageMaker asked the job to stop; the best model so far is then the result.

    Raises:
        InputError: The request or the data is invalid.
    """
    request = sagemaker.TrainingRequest.read()
    hyperparameters = Hyperparameters.parse(request.hyperparameters)
    _log.info("%s", hyperparameters)
    # Before the data is read: a GPU that cannot be used should cost a minute.
    _log.info("Training on %s", describe(training_device()))
    directory = request.channel(sagemaker.AUXILIARY)
    auxiliary = Auxiliary.read(directory)
    words = auxiliary.words(hyperparameters.feature_dim)
    auxiliary.text_reader(hyperparameters.feature_dim)
    vectors = None
    if (path := directory / VECTORS).is_file():
        vectors = auxiliary.word_vectors(path, hyperparameters.feature_dim)
    checkpoints = Checkpoints(_checkpoint_directory(request.hyperparameters), request.host, _checkpoint_seconds())
    # Before reading data: if a host fails to read its part, the others notice as soon as they need it.
    hosts = Hosts(request.hosts, request.host)
    hosts.connect(request.network_interface_name)
    corpus = _read_corpus(request, sagemaker.TRAIN, hyperparameters.feature_dim)
    validation, test = (
        _read_optional_corpus(request, name, hyperparameters.feature_dim, hosts)
        for name in (sagemaker.VALIDATION, sagemaker.TEST)
    )

    trainer = Trainer(
        corpus,
        hyperparameters,
        hosts=hosts,
        checkpoints=checkpoints,
        stopped=stopped,
        tracked=_tuned_by(request.hyperparameters),
    )
    trained = trainer.run(validation)
    documents = _documents(corpus, hosts)
    topics = trained.topics if vectors is None else with_wetc(trained.topics, vectors)

    npmi, uniqueness = topics.npmi.mean(), topics.uniqueness.mean()
    metrics = {"npmi <score>": npmi, "tu <score>": uniqueness, "npmi_tu <score>": npmi * uniqueness}
    if topics.wetc is not None:
        metrics["wetc <score>"] = mean_of_known(topics.wetc)
    if trained.validation is not None:
        metrics = {"total_loss <loss>": trained.validation.total, **metrics}
    for name, value in metrics.items():
        _log_metric(request, trained, sagemaker.VALIDATION, name, value)
    if trained.validation is not None:
        _log.info(
            "Best model based on early stopping at epoch %d. Best loss: %s", trained.epoch, trained.validation.total
        )
    if test is not None:
        _log_metric(request, trained, sagemaker.TEST, "total_loss <loss>", trainer.evaluate(test).total)
    topics.log(_log, words)
    # SageMaker merges the model directories of all hosts into one archive.
    if hosts.rank == 0:
        facts: dict[str, object] = {"documents": documents, "epoch": trained.epoch, "epochs": trained.epochs}
        write_model(sagemaker.model_directory(), trained.model, topics, auxiliary, hyperparameters, facts)
    hosts.close()


def _log_metric(request: sagemaker.TrainingRequest, trained: Trained, channel: str, metric: str, value: float) -> None:
    if math.isfinite(value):
        log_quality(request.host, trained.epochs, f"{channel} {metric}", value)


def _tuned_by(hyperparameters: Mapping[str, object]) -> str | None:
    """Return the objective metric of the tuning job that started this job, if it can be logged during training."""
    channel, _, name = str(hyperparameters.get(TUNING_OBJECTIVE, "")).partition(":")
    return name if channel == sagemaker.VALIDATION and name in TRACKED else None


def _read_corpus(request: sagemaker.TrainingRequest, channel: str, feature_dim: int) -> Corpus:
    corpus = read_channel(request.channels[channel], feature_dim)
    _log.info("Channel %s: %d documents, %d empty ones skipped.", channel, len(corpus), corpus.dropped)
    return corpus


def _read_optional_corpus(
    request: sagemaker.TrainingRequest, channel: str, feature_dim: int, hosts: Hosts
) -> Corpus | None:
    """Return a channel's documents, or None on all hosts if the channel is missing or empty on every host."""
    if channel not in request.channels:
        return None
    corpus = _read_corpus(request, channel, feature_dim)
    return corpus if _documents(corpus, hosts) else None


def _documents(corpus: Corpus, hosts: Hosts) -> int:
    """Return the total number of documents of all hosts."""
    return int(hosts.total(np.array([float(len(corpus))]))[0])


def _checkpoint_directory(hyperparameters: Mapping[str, object]) -> Path:
    """Return the checkpoint directory; jobs of a tuning job may share one, so each uses its own subdirectory."""
    directory = sagemaker.checkpoint_directory()
    if TUNING_OBJECTIVE not in hyperparameters or not directory.is_dir():
        return directory
    own = directory / sagemaker.training_job_name()
    own.mkdir(exist_ok=True)
    return own


def _checkpoint_seconds() -> float:
    """Return the minimum time between two checkpoints, from the job's Environment."""
    text = os.environ.get(_CHECKPOINT_SECONDS, "30")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise InputError(
            f"{_CHECKPOINT_SECONDS} is {text!r}; allowed: a number of seconds, 0 or more "
            "(set it in the training job's Environment)."
        )
    return seconds
