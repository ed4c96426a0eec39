"""Names that follow from content: the same corpus and settings have the same, whenever they are read."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from common.settings import Settings
from read.corpus import CorpusObject

_FORMAT: Final = 2
"""Part of every digest: another number wherever the same corpus and settings begin to give other bytes."""


def corpus_version(objects: Sequence[CorpusObject]) -> str:
    """Return the version of a corpus: it changes with any of the objects' names or bytes."""
    return _digest([[item.key, item.etag, item.version_id] for item in objects])


def output_digest(settings: Settings, *versions: str) -> str:
    """Return the name of what these settings make of versions of what is read, wherever it is written."""
    event = {name: value for name, value in settings.as_event().items() if name != "output_uri"}
    return _digest([_FORMAT, event, *versions])


def _digest(content: object) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()
