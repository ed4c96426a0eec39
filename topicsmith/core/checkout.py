"""The checkout in which this program lives."""

import os
from pathlib import Path


def project_root() -> Path:
    """Return the checkout."""
    return Path(__file__).resolve().parents[2]


def state_dir() -> Path:
    """Return the directory of the local cloud's state (``LOCALCLOUD_STATE``, default ``.topicsmith``)."""
    return Path(os.environ.get("LOCALCLOUD_STATE") or project_root() / ".topicsmith").resolve()
