"""``report.html``, a self-contained page for data scientists."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntm.evaluation.document import Findings, quoted
from ntm.evaluation.layout import similar_together

_DECIMALS = 3


def page(findings: Findings, content: Mapping[str, Any], shown: NDArray[np.int64], places: NDArray[np.float64]) -> str:
    """Return the page.

    Args:
        findings: Results of the evaluation.
        content: Content of ``evaluation.json``.
        shown: Held-out documents on the map, int64 [n].
        places: Their coordinates, float64 [n, 2].
    """
    # Only for its bundled JavaScript: the page draws the figures itself.
    from plotly.offline import get_plotlyjs

    run = content["run"]
    data = {
        "evaluation": content,
        "map": _map(findings, shown, places),
        "similarity": np.round(findings.similarities, _DECIMALS).tolist(),
        "order": similar_together(findings.similarities).tolist(),
    }
    parts = {
        "title": html.escape(f"Topics of {run['corpus_uri'].rsplit('/', 1)[-1] or run['corpus_uri']}"),
        "style": _resource("report.css"),
        "plotly": get_plotlyjs(),
        "data": _inline(data),
        "script": _resource("report.js"),
        "verdict": html.escape(f"{'Passed' if content['gate']['passed'] else 'Rejected'}: {content['gate']['reason']}"),
        "rows": _rows(content["topics"]),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _resource("report.html"))


def _map(findings: Findings, shown: NDArray[np.int64], places: NDArray[np.float64]) -> dict[str, Any]:
    held_out, mixtures = findings.held_out, findings.model.mixtures[shown]
    return {
        "x": np.round(places[:, 0], _DECIMALS).tolist(),
        "y": np.round(places[:, 1], _DECIMALS).tolist(),
        "topic": mixtures.argmax(axis=1).tolist(),
        "weight": np.round(mixtures.max(axis=1).astype(float), _DECIMALS).tolist(),
        "id": [held_out.ids[document] for document in shown],
        "text": [quoted(held_out.texts[document]) for document in shown] if findings.request.quote_documents else None,
    }


def _inline(data: object) -> str:
    """Return JSON that is safe inside a script element: it contains no tags and no line terminators."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _rows(topics: Sequence[Mapping[str, Any]]) -> str:
    """Return the topics as table rows for browsers without scripts."""
    return "".join(
        f"<tr><td>{topic['topic']}</td><td>{100 * topic['share']:.1f} %</td>"
        f"<td>{html.escape(' '.join(word for word, _ in topic['words'][:10]))}</td></tr>"
        for topic in topics
    )


def _resource(name: str) -> str:
    return files("ntm.evaluation").joinpath(name).read_text("utf-8")
