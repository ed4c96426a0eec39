"""Content-based names, which are equal for equal corpora and settings."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from common.settings import Settings
from read.corpus import CorpusObject

_FORMAT: Final = 2
"""Part of every digest; increment it when the same corpus and settings start to produce different output."""


def corpus_version(objects: Sequence[CorpusObject]) -> str:
    """Return the version of a corpus, which changes with the name or content of any object."""
    return _digest([[item.key, item.etag, item.version_id] for item in objects])


def output_digest(settings: Settings, *versions: str) -> str:
    """Return the digest of the settings and input versions; it does not depend on the output location."""
    event = {name: value for name, value in settings.as_event().items() if name != "output_uri"}
    return _digest([_FORMAT, event, *versions])


def _digest(content: object) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()
