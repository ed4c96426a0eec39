"""How the answer to a request for inference is written: what ``Accept`` asks for."""

import json
from collections.abc import Callable
from typing import Final

import numpy as np

from ntm.errors import InputError
from ntm.inference import Array

JSON, JSON_LINES = "application/json", "application/jsonlines"


class NotAcceptable(InputError):
    """None of the content types that the client takes is one that the model writes."""


def _write_json(weights: Array) -> bytes:
    return json.dumps({"predictions": _predictions(weights)}, separators=(",", ":")).encode()


def _write_json_lines(weights: Array) -> bytes:
    lines = [json.dumps(prediction, separators=(",", ":")) for prediction in _predictions(weights)]
    return "".join(f"{line}\n" for line in lines).encode()


def _predictions(weights: Array) -> list[dict[str, list[float]]]:
    return [{"topic_weights": row} for row in weights.astype(np.float64).round(7).tolist()]


WRITERS: Final[dict[str, Callable[[Array], bytes]]] = {JSON: _write_json, JSON_LINES: _write_json_lines}
"""What writes documents' topic mixtures, float32 [D, K], by content type."""

_ANY = {"", "*/*", "application/*"}


def content_type_for(accept: str) -> str:
    """Return the content type of the answer: the first that the client names and the model writes; JSON for any.

    Args:
        accept: the request's header of that name; empty if there is none.

    Raises:
        NotAcceptable: there is none.
    """
    for choice in accept.lower().split(","):
        media_type = choice.partition(";")[0].strip()
        if media_type in _ANY:
            return JSON
        if media_type in WRITERS:
            return media_type
    raise NotAcceptable(f"Accept {accept!r} is not written; allowed: {', '.join(WRITERS)}.")
