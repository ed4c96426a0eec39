"""Where the local cloud keeps its state and where it answers, told to its processes by environment variables."""

import os
from pathlib import Path

DEFAULT_PORT = 4577
DEFAULT_REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
STATE_FILE = "local-cloud.json"
"""Name of the file that tells where a running cloud answers, and its operator's credentials."""
MESSAGES_FILE = "notifications.jsonl"
"""Name of the file of what was sent to SNS topics: a line each, with time, topic, subject, message, subscriptions."""


def project_root() -> Path:
    """Return the checkout that holds this package."""
    return Path(__file__).resolve().parents[2]


def state_dir() -> Path:
    """Return the directory of everything the local cloud writes (``TOPICSMITH_LOCAL_STATE``; else ``.topicsmith``)."""
    return Path(os.environ.get("TOPICSMITH_LOCAL_STATE") or project_root() / ".topicsmith").resolve()


def endpoint_url() -> str:
    """Return the URL at which the local cloud answers the AWS API.

    The host is ``localhost`` by name: moto reads a template's URL differently when the host is an IP address.
    """
    return f"http://localhost:{os.environ.get('TOPICSMITH_LOCAL_PORT', DEFAULT_PORT)}"
