"""Settings of the local cloud, read from environment variables by all of its processes."""

import json
import os
from pathlib import Path

from localcloud.core.errors import LocalCloudError

DEFAULT_PORT = 4577
DEFAULT_REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
STATE_FILE = "local-cloud.json"
"""Name of the file with a running cloud's endpoint and its operator's credentials."""
MESSAGES_FILE = "notifications.jsonl"
"""Name of the file of messages to SNS topics: a line each, with time, topic, subject, message, subscriptions."""


class SettingError(LocalCloudError, ValueError):
    """An environment variable has a value that is not allowed."""


def account_id() -> str:
    """Return the main account (``LOCALCLOUD_ACCOUNT``, default 123456789012)."""
    return os.environ.get("LOCALCLOUD_ACCOUNT") or ACCOUNT_ID


def region() -> str:
    """Return the default region of clients (``LOCALCLOUD_REGION``, default us-east-1)."""
    return os.environ.get("LOCALCLOUD_REGION") or DEFAULT_REGION


def port() -> int:
    """Return the port (``LOCALCLOUD_PORT``, default 4577).

    Raises:
        SettingError: The value is not a port.
    """
    text = os.environ.get("LOCALCLOUD_PORT") or str(DEFAULT_PORT)
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise SettingError(f"LOCALCLOUD_PORT is {text!r}; allowed: 1 to 65535.")
    return int(text)


def state_dir() -> Path:
    """Return the state directory (``LOCALCLOUD_STATE``, default ``.localcloud`` in the current directory)."""
    return Path(os.environ.get("LOCALCLOUD_STATE") or ".localcloud").resolve()


def endpoint_url() -> str:
    """Return the endpoint of the AWS API.

    The host is ``localhost`` by name: moto reads a template's URL differently when the host is an IP address.
    """
    return f"http://localhost:{port()}"


def minute_seconds() -> float:
    """Return the length of a minute of metrics in seconds (``LOCALCLOUD_MINUTE_SECONDS``, default 60).

    Metrics, alarms, autoscaling and the waits of a deployment are measured in minutes. With shorter minutes, a quarter
    of an hour on AWS takes seconds here; a target in requests per minute then applies to the shorter minute.

    Raises:
        SettingError: The value is not a number from 0.1 to 60.
    """
    text = os.environ.get("LOCALCLOUD_MINUTE_SECONDS") or "60"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise SettingError(f"LOCALCLOUD_MINUTE_SECONDS is {text!r}; allowed: 0.1 to 60.")
    return seconds


def real_seconds(seconds: float) -> float:
    """Return the local length of an AWS duration, for example a cooldown or an alarm's period."""
    return seconds * minute_seconds() / 60


def stand_ins() -> dict[str, Path]:
    """Return the directories that stand in for images, by URI pattern (``LOCALCLOUD_IMAGES``, a JSON object).

    Raises:
        SettingError: The value is not a JSON object of strings.
    """
    text = os.environ.get("LOCALCLOUD_IMAGES") or "{}"
    try:
        given = json.loads(text)
    except ValueError as error:
        raise SettingError(f"LOCALCLOUD_IMAGES is {text!r}, which is not JSON: {error}.") from None
    if not (isinstance(given, dict) and all(isinstance(directory, str) for directory in given.values())):
        raise SettingError(f"LOCALCLOUD_IMAGES is {text!r}; it must be a JSON object of directories by image URI.")
    return {pattern: Path(directory) for pattern, directory in given.items()}


def preloads() -> dict[str, list[str]]:
    """Return modules that programs of images find imported, by program (``LOCALCLOUD_PRELOAD``, a JSON object).

    Raises:
        SettingError: The value is not a JSON object of lists of strings.
    """
    text = os.environ.get("LOCALCLOUD_PRELOAD") or "{}"
    try:
        given = json.loads(text)
    except ValueError as error:
        raise SettingError(f"LOCALCLOUD_PRELOAD is {text!r}, which is not JSON: {error}.") from None
    lists = given.values() if isinstance(given, dict) else [None]
    if not all(isinstance(modules, list) and all(isinstance(name, str) for name in modules) for modules in lists):
        raise SettingError(
            f"LOCALCLOUD_PRELOAD is {text!r}; it must be a JSON object of lists of modules by program, such as "
            '{"train": ["torch"]}.'
        )
    return dict(given)


def used_permissions() -> Path | None:
    """Return the file that lists the permissions that roles used (``LOCALCLOUD_USED_PERMISSIONS``); None without."""
    given = os.environ.get("LOCALCLOUD_USED_PERMISSIONS")
    return Path(given) if given else None


def node_packages() -> Path:
    """Return the directory with the packages of Lambda's Node.js runtime.

    It is ``LOCALCLOUD_NODE_MODULES``. Otherwise it is the state directory, so that Node.js finds the ``node_modules``
    of the project that contains it.
    """
    given = os.environ.get("LOCALCLOUD_NODE_MODULES")
    return Path(given) if given else state_dir()
