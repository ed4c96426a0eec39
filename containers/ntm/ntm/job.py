"""A training job, from what SageMaker lays in the input directory to what it takes from the model directory."""

import logging
import signal
import sys
import threading
from collections.abc import Callable

import numpy as np

from ntm import sagemaker, topics
from ntm.artifacts import Auxiliary, write_model
from ntm.bag_of_words import BagOfWords
from ntm.corpus import read_channel
from ntm.errors import InputError
from ntm.hyperparameters import Hyperparameters
from ntm.training import Trainer

_SEED = 0

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
    """Read the request and the channels, train, describe the topics and write the model.

    Args:
        stopped: whether SageMaker asked the job to stop; the best model so far is then the result.

    Raises:
        InputError: something in the request or the data cannot be used.
    """
    request = sagemaker.TrainingRequest.read()
    hyperparameters = Hyperparameters.parse(request.hyperparameters)
    _log.info("%s", hyperparameters)
    auxiliary = Auxiliary.read(request.channel(sagemaker.AUXILIARY))
    words = auxiliary.words(hyperparameters.feature_dim)
    auxiliary.text_reader(hyperparameters.feature_dim)
    corpus, validation, test = (
        _read_corpus(request, name, hyperparameters.feature_dim)
        for name in (sagemaker.TRAIN, sagemaker.VALIDATION, sagemaker.TEST)
    )
    if corpus is None:
        raise InputError("Channel train has no document with a word of the vocabulary.")
    trainer = Trainer(corpus, hyperparameters, seed=_SEED, host=request.host, stopped=stopped)
    trained = trainer.run(validation)

    described = topics.describe(trained.model, corpus)
    order = np.argsort(-described.share, kind="stable")
    described = described.reordered(order)

    def log_metric(channel: str, metric: str, value: float) -> None:
        _log.info("#quality_metric: host=%s, epoch=%d, %s %s=%s", request.host, trained.epochs, channel, metric, value)

    if trained.validation is not None:
        log_metric(sagemaker.VALIDATION, "total_loss <loss>", trained.validation.total)
        log_metric(sagemaker.VALIDATION, "npmi <score>", described.npmi.mean())
        log_metric(sagemaker.VALIDATION, "tu <score>", described.uniqueness.mean())
        _log.info(
            "Best model based on early stopping at epoch %d. Best loss: %s", trained.epoch, trained.validation.total
        )
    if test is not None:
        log_metric(sagemaker.TEST, "total_loss <loss>", trainer.evaluate(test).total)
    described.log(_log, words)
    write_model(
        sagemaker.model_directory(),
        trained.model.reordered(order),
        described,
        auxiliary,
        hyperparameters,
        {"documents": len(corpus), "seed": _SEED, "epoch": trained.epoch, "epochs": trained.epochs},
    )


def _read_corpus(request: sagemaker.TrainingRequest, channel: str, feature_dim: int) -> BagOfWords | None:
    """Return a channel's documents that have a word; None if the job has no such channel or there is none."""
    if channel not in request.content_types:
        return None
    everything = read_channel(request.channel(channel), request.content_types[channel], feature_dim)
    corpus = everything.non_empty()
    _log.info(
        "Channel %s: %d documents, %d of them without a word.", channel, len(everything), len(everything) - len(corpus)
    )
    return corpus if len(corpus) else None
