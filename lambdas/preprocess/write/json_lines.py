"""JSON Lines input for batch transform and the evaluation."""

import json
from collections.abc import Iterable, Sequence


def instance(uid: str, bag: Iterable[tuple[int, int]], feature_dim: int) -> str:
    """Return a document as a line for batch transform.

    Args:
        uid: ID that is joined to the prediction.
        bag: Pairs of word ID and count.
        feature_dim: Size of the vocabulary.
    """
    keys, values = zip(*bag, strict=True)
    features = {"keys": keys, "shape": [feature_dim], "values": values}
    return _line({"id": uid, "instance": {"data": {"features": features}}})


def held_out(uid: str, text: str, words: Sequence[int]) -> str:
    """Return a test document as a line for the evaluation, with its words in reading order."""
    return _line({"id": uid, "text": text, "words": words})


def _line(content: dict[str, object]) -> str:
    # Non-ASCII characters are escaped, since some readers take U+2028, for example, for a line end.
    return json.dumps(content, separators=(",", ":")) + "\n"
