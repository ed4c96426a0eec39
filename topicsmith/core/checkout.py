"""The project's checkout, and the directories for what the commands write."""

import os
from pathlib import Path

from topicsmith.core.errors import OperatorError

_MARKERS = ("app.py", "environments")
_INSTALLED_FROM = Path(__file__).resolve().parents[2]


def find() -> Path | None:
    """Return the checkout that contains the current directory, else the one of an editable install, else ``None``."""
    here = Path.cwd()
    candidates = (here, *here.parents, _INSTALLED_FROM)
    return next((folder for folder in candidates if all((folder / name).exists() for name in _MARKERS)), None)


def project_root() -> Path:
    """Return the checkout.

    Raises:
        OperatorError: There is no checkout.
    """
    root = find()
    if root is None:
        raise OperatorError(
            f"This command needs a checkout of the project, and {Path.cwd()} is not in one.",
            "Run it in the checkout: the folder with app.py and environments/.",
        )
    return root


def state_dir() -> Path:
    """Return the local cloud's state directory (``LOCALCLOUD_STATE``, default ``.topicsmith`` in the checkout)."""
    given = os.environ.get("LOCALCLOUD_STATE")
    return Path(given).resolve() if given else project_root() / ".topicsmith"


def reports_dir() -> Path:
    """Return the default directory of reports, which quote the corpus: one that git ignores.

    It is ``.topicsmith/reports`` in the checkout. Without a checkout it is ``topicsmith/reports`` among the user's data
    (``XDG_DATA_HOME``, default ``~/.local/share``).
    """
    root = find()
    if root is not None:
        return root / ".topicsmith" / "reports"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "topicsmith" / "reports"
