"""Evaluation job: reads the processing inputs, measures model and baseline, and writes the results."""

import json
import logging
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ntm.artifacts.artifacts import Auxiliary
from ntm.common.errors import InputError
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.data.recordio import stream_recordio
from ntm.evaluation import gate, layout
from ntm.evaluation.baseline import Lda
from ntm.evaluation.document import Findings, as_json, document
from ntm.evaluation.heldout import HeldOut, read_held_out
from ntm.evaluation.metrics import against, measure
from ntm.evaluation.models import BuiltInTopics, EvaluatedModel, OurModel, ScoredModel
from ntm.evaluation.report import page
from ntm.evaluation.request import EvaluationRequest, has_input, input_directory, output_directory, write_message
from ntm.evaluation.trials import read_trials
from ntm.network.inference import Array

EVALUATION, REPORT = "evaluation.json", "report.html"

_log = logging.getLogger(__name__)


def main() -> int:
    """Run the processing job; return the container's exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run(sys.argv[1:])
    except InputError as error:
        _log.error("%s", error)
        write_message(str(error))
        return 1
    except Exception as error:
        _log.exception("The evaluation failed.")
        write_message(f"Internal error: {error!r}. The log has the traceback.")
        return 1
    return 0


def run(arguments: Sequence[str]) -> None:
    """Measure the model and the baseline, and write ``evaluation.json`` and ``report.html``.

    Raises:
        InputError: The request or an input is invalid.
    """
    request = EvaluationRequest.read(arguments)
    clock = _Clock()
    with clock.measuring("read"):
        meta = _read_meta()
        auxiliary = Auxiliary.read(input_directory("auxiliary"))
        words = auxiliary.words(meta["feature_dim"])
        vectors = _word_vectors(auxiliary, len(words))
        train = _read_training_documents(len(words))
        held_out = read_held_out(input_directory("heldout"), len(words))
    _log.info("%d training documents, %d held out, %d words.", len(train), len(held_out), len(words))
    with clock.measuring("model"):
        model = _read_model(words, held_out)
        measured = measure(model, held_out, train, vectors)
    _check_topics(request, measured.topics.share.size)
    _log.info("Model: %s", _figures(measured.overall))
    with clock.measuring("baseline"):
        lda = Lda.train(train, request.num_topics, request.baseline_iterations)
        baseline = measure(lda, held_out, train, vectors)
    _log.info("Baseline: %s", _figures(baseline.overall))
    compared = against(measured.overall, baseline.overall)
    verdict = gate.judge({gate.METRICS: measured.overall, gate.AGAINST_BASELINE: compared}, request.thresholds)
    _log.info("Gate %s: %s.", "passed" if verdict.passed else "not passed", verdict.reason)
    with clock.measuring("map"):
        shown = layout.sample(measured.mixtures, request.map_documents)
        places = layout.place(measured.mixtures[shown])
    findings = Findings(
        request=request,
        meta=meta,
        vocabulary=words,
        held_out=held_out,
        train_documents=len(train),
        model=measured,
        lda=lda,
        baseline=baseline,
        against=compared,
        verdict=verdict,
        similarities=layout.similarity(model.word_probabilities()),
        tuning=read_trials(request.tuning_job, request.region) if request.tuning_job else None,
        seconds=clock.seconds,
    )
    content = document(findings)
    directory = output_directory()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / REPORT).write_text(page(findings, content, shown, places), "utf-8")
    (directory / EVALUATION).write_text(as_json(content), "utf-8")


class _Clock:
    """Stopwatch for the phases of the evaluation."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def _read_meta() -> dict[str, Any]:
    path = input_directory("meta") / "meta.json"
    try:
        meta = json.loads(path.read_text("utf-8"))
        if not (isinstance(meta["feature_dim"], int) and meta["settings"]["corpus_uri"] and meta["corpus_version"]):
            raise TypeError("a value is of the wrong type or empty")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not valid output of preprocessing: {error!r}.") from None
    return dict(meta)


def _word_vectors(auxiliary: Auxiliary, feature_dim: int) -> Array | None:
    """Read the only file of the optional input ``vectors``; it has the name of the S3 object."""
    if not has_input("vectors"):
        return None
    files = _files("vectors")
    if len(files) != 1:
        raise InputError(f"Input vectors has {len(files)} files; expected one, named by evaluation.word_vectors.")
    return auxiliary.word_vectors(files[0], feature_dim)


def _files(name: str) -> list[Path]:
    return sorted(path for path in input_directory(name).rglob("*") if path.is_file())


def _read_training_documents(feature_dim: int) -> Corpus:
    files = _files("train")

    def parts() -> Iterator[BagOfWords]:
        for path in files:
            try:
                with path.open("rb") as stream:
                    yield from stream_recordio(stream, feature_dim)
            except InputError as error:
                raise InputError(f"Input train, file {path.name}: {error}") from None

    corpus = Corpus(parts(), feature_dim)
    if not len(corpus):
        raise InputError(f"Input train has no documents in {len(files)} files: its S3 prefix is empty or wrong.")
    return corpus


def _read_model(words: Sequence[str], held_out: HeldOut) -> EvaluatedModel:
    """Read the model, and its mixtures from batch transform if the job has that input."""
    archive = input_directory("model") / "model.tar.gz"
    with tempfile.TemporaryDirectory() as directory:
        try:
            with tarfile.open(archive) as content:
                content.extractall(directory, filter="data")
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise InputError(f"{archive} is not a valid model archive: {error}.") from None
        # The built-in NTM writes an identical file for each training host.
        theirs = sorted(Path(directory).glob("model_algo-*"))
        if not theirs:
            ours = OurModel.read(Path(directory), words)
            return ScoredModel.read(ours, input_directory("scores"), held_out) if has_input("scores") else ours
        return ScoredModel.read(BuiltInTopics.read(theirs[0], len(words)), input_directory("scores"), held_out)


def _check_topics(request: EvaluationRequest, num_topics: int) -> None:
    if num_topics != request.num_topics:
        raise InputError(
            f"The model has {num_topics} topics, but the variable NUM_TOPICS is {request.num_topics}. The baseline "
            "must have the model's number of topics."
        )


def _figures(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
