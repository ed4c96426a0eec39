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


def account_id() -> str:
    """Return the main account (``TOPICSMITH_LOCAL_ACCOUNT``; else 123456789012)."""
    return os.environ.get("TOPICSMITH_LOCAL_ACCOUNT") or ACCOUNT_ID


def region() -> str:
    """Return the region of clients that name none (``TOPICSMITH_LOCAL_REGION``; else us-east-1)."""
    return os.environ.get("TOPICSMITH_LOCAL_REGION") or DEFAULT_REGION


def project_root() -> Path:
    """Return the checkout that holds this package."""
    return Path(__file__).resolve().parents[3]


def state_dir() -> Path:
    """Return the directory of everything the local cloud writes (``TOPICSMITH_LOCAL_STATE``; else ``.topicsmith``)."""
    return Path(os.environ.get("TOPICSMITH_LOCAL_STATE") or project_root() / ".topicsmith").resolve()


def endpoint_url() -> str:
    """Return the URL at which the local cloud answers the AWS API.

    The host is ``localhost`` by name: moto reads a template's URL differently when the host is an IP address.
    """
    return f"http://localhost:{os.environ.get('TOPICSMITH_LOCAL_PORT', DEFAULT_PORT)}"


def minute_seconds() -> float:
    """Return how long a minute of metrics takes here (``TOPICSMITH_LOCAL_MINUTE_SECONDS``; else 60).

    Metrics, alarms, autoscaling and the pauses of a deployment count in minutes. Shorter ones show in seconds what
    takes a quarter of an hour on AWS; a target of requests a minute is then one of requests in so many seconds.

    Raises:
        ValueError: it is not a number of seconds from 0.1 to 60.
    """
    text = os.environ.get("TOPICSMITH_LOCAL_MINUTE_SECONDS") or "60"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise ValueError(f"TOPICSMITH_LOCAL_MINUTE_SECONDS is {text!r}; allowed: 0.1 to 60.")
    return seconds


def real_seconds(seconds: float) -> float:
    """Return how long a time of AWS's, such as a cooldown or an alarm's period, takes here."""
    return seconds * minute_seconds() / 60
