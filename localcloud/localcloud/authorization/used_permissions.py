"""Record of the permissions that roles used, to find grants that nothing needs."""

import json
import threading
from pathlib import Path

from localcloud.core import settings
from localcloud.core.policy import role_arn_of

_recorded: set[tuple[str, str, str]] = set()
_lock = threading.Lock()


def record(principal: str, action: str, resource: str | None) -> None:
    """Add an allowed request of a role to the file ``LOCALCLOUD_USED_PERMISSIONS``, a line each, if it is new.

    Args:
        principal: The caller's ARN; requests of users are not recorded.
        action: For example ``s3:GetObject``.
        resource: The resource's ARN, ``None`` when unknown.
    """
    path = settings.used_permissions()
    role = role_arn_of(principal) if path else None
    if path is None or role is None:
        return
    used = (role, action, resource or "*")
    with _lock:
        if used not in _recorded:
            _recorded.add(used)
            _append(path, used)


def _append(path: Path, used: tuple[str, str, str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(dict(zip(("role", "action", "resource"), used, strict=True))) + "\n")
