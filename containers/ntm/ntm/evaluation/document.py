"""``evaluation.json``, which the gate, the model registry and the command line read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ntm.evaluation.baseline import Lda
from ntm.evaluation.gate import Verdict
from ntm.evaluation.heldout import HeldOut
from ntm.evaluation.metrics import Measured
from ntm.evaluation.request import EvaluationRequest
from ntm.evaluation.trials import Tuning

FORMAT: Final = 1
REPRESENTATIVE: Final = 3
QUOTED_CHARACTERS: Final = 300
_FEWEST_WORDS = 5


@dataclass(frozen=True)
class Findings:
    """Results of an evaluation.

    Attributes:
        request: The request.
        meta: ``meta.json`` of preprocessing.
        vocabulary: Words by id.
        held_out: Test documents.
        train_documents: Number of training documents.
        model: Metrics of the model.
        lda: Baseline model.
        baseline: Metrics of the baseline.
        against: Model metrics relative to the baseline.
        verdict: Result of the gate.
        similarities: Similarities of topics, float64 [K, K].
        tuning: Tuning job of the model; None without tuning.
        seconds: Duration of each phase.
    """

    request: EvaluationRequest
    meta: Mapping[str, Any]
    vocabulary: Sequence[str]
    held_out: HeldOut
    train_documents: int
    model: Measured
    lda: Lda
    baseline: Measured
    against: Mapping[str, float]
    verdict: Verdict
    similarities: NDArray[np.float64]
    tuning: Tuning | None
    seconds: Mapping[str, float]


def document(findings: Findings) -> dict[str, Any]:
    """Return the content of ``evaluation.json``."""
    request, tuning = findings.request, findings.tuning
    return {
        "format": FORMAT,
        "run": {
            "execution": request.execution,
            "environment": request.environment,
            "algorithm": request.algorithm,
            "corpus_uri": findings.meta["settings"]["corpus_uri"],
            "corpus_version": findings.meta["corpus_version"],
            "training_job": request.training_job,
            "tuning_job": request.tuning_job,
            "num_topics": len(findings.model.topics.share),
            "feature_dim": len(findings.vocabulary),
        },
        "documents": {
            "train": findings.train_documents,
            "test": len(findings.held_out),
            "scored": findings.model.scored,
        },
        "metrics": dict(findings.model.overall),
        "baseline": {
            "model": findings.lda.name,
            "iterations": findings.lda.iterations,
            "documents": findings.lda.documents,
            "seconds": round(findings.lda.seconds, 3),
            **findings.baseline.overall,
        },
        "against_baseline": dict(findings.against),
        "gate": _gate(findings.verdict),
        "topics": [_topic(findings, topic) for topic in range(len(findings.model.topics.share))],
        "tuning": tuning and {"metric": tuning.metric, "goal": "minimize" if tuning.minimised else "maximize"},
        "trials": [dataclasses.asdict(trial) for trial in tuning.trials] if tuning else [],
        "seconds": {name: round(seconds, 3) for name, seconds in findings.seconds.items()},
    }


def as_json(content: Mapping[str, Any]) -> str:
    """Return the content as JSON text."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def quoted(text: str) -> str:
    """Return the beginning of a document's text, as shown in reports."""
    short = " ".join(text.split())
    return short if len(short) <= QUOTED_CHARACTERS else f"{short[: QUOTED_CHARACTERS - 1]}…"


def _gate(verdict: Verdict) -> dict[str, Any]:
    checks = [
        {
            "metric": check.threshold.metric,
            "value": check.value,
            "threshold": check.threshold.value,
            "kind": check.threshold.kind,
            "passed": check.passed,
        }
        for check in verdict.checks
    ]
    return {"passed": verdict.passed, "reason": verdict.reason, "checks": checks}


def _topic(findings: Findings, topic: int) -> dict[str, Any]:
    topics = findings.model.topics
    others = findings.similarities[topic].copy()
    others[topic] = -1
    nearest = int(others.argmax())
    return {
        "topic": topic,
        "share": _number(topics.share[topic]),
        "documents": int(topics.documents[topic]),
        "npmi": _number(topics.npmi[topic]),
        "c_v": _number(topics.c_v[topic]),
        "uniqueness": _number(topics.uniqueness[topic]),
        **({} if topics.wetc is None else {"wetc": _number(topics.wetc[topic])}),
        "words": [
            [findings.vocabulary[word], _number(weight)]
            for word, weight in zip(topics.words[topic], topics.weights[topic], strict=True)
        ],
        "representative": _representative(findings, topic),
        "nearest": [nearest, _number(others[nearest])],
    }


def _representative(findings: Findings, topic: int) -> list[dict[str, Any]]:
    """Return the documents with the highest weight of the topic, without duplicates and very short ones."""
    held_out, weights = findings.held_out, findings.model.mixtures[:, topic]
    long_enough = held_out.lengths >= _FEWEST_WORDS
    chosen: dict[str, int] = {}
    for number in np.argsort(-weights, kind="stable"):
        if len(chosen) == REPRESENTATIVE:
            break
        if long_enough[number]:
            chosen.setdefault(held_out.texts[number], int(number))
    return [
        {
            "id": held_out.ids[number],
            "weight": _number(weights[number]),
            **({"text": quoted(text)} if findings.request.quote_documents else {}),
        }
        for text, number in chosen.items()
    ]


def _number(value: float | np.floating) -> float | None:
    # JSON has no NaN.
    return round(float(value), 6) if math.isfinite(value) else None
