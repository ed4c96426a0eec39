"""The lines of JSON that batch transform and the evaluation read."""

import json
from collections.abc import Iterable, Sequence


def instance(uid: str, bag: Iterable[tuple[int, int]], feature_dim: int) -> str:
    """Return a document as a line for batch transform: an id to join by, and what the model is asked about.

    Args:
        uid: the id that the answer is joined to.
        bag: (word's id, count) pairs.
        feature_dim: how many words the vocabulary has.
    """
    keys, values = zip(*bag, strict=True)
    features = {"keys": keys, "shape": [feature_dim], "values": values}
    return _line({"id": uid, "instance": {"data": {"features": features}}})


def held_out(uid: str, text: str, words: Sequence[int]) -> str:
    """Return a test document as a line for the evaluation, its words in reading order."""
    return _line({"id": uid, "text": text, "words": words})


def _line(content: dict[str, object]) -> str:
    # Everything beyond ASCII is escaped, so that no reader takes a character of a text for the end of a line.
    return json.dumps(content, separators=(",", ":")) + "\n"
