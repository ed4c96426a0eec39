"""Deployment packages, unpacked as Lambda does.

Lambda runs a function as a user who is neither the owner nor in the group of its files and cannot write to them. Here
the function runs as their owner, so the owner gets the permissions of others:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html.
"""

import hashlib
import io
import os
import shutil
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from moto.awslambda.exceptions import InvalidParameterValueException

from localcloud.core.settings import state_dir

_LARGEST_BYTES = 262_144_000
_READABLE = 0o444
_ENTERABLE = 0o005


def require_size(package: bytes) -> None:
    """Check the unzipped size of a package, if it is a zip at all; an invocation reports one that is not.

    Raises:
        InvalidParameterValueException: It is larger than 250 MB.
    """
    if not zipfile.is_zipfile(io.BytesIO(package)):
        return
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size >= _LARGEST_BYTES:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {_LARGEST_BYTES} bytes")


def world_readable(package: bytes) -> bytes:
    """Return a package whose files everyone may read, as Lambda makes one of a template's inline code."""
    repacked = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as archive, zipfile.ZipFile(repacked, "w") as fresh:
        for member in archive.infolist():
            content = archive.read(member)
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            fresh.writestr(member, content)
    return repacked.getvalue()


def unpacked(name: str, package: bytes) -> Path:
    """Return the directory of a function's unpacked package; unpack it on first use."""
    target = state_dir() / "functions" / name / hashlib.sha256(package).hexdigest()[:16]
    if target.is_dir():
        return target
    fresh = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        members = archive.infolist()
        closed = {PurePosixPath(member.filename) for member in members if member.is_dir() and _is_closed(member)}
        paths = {archive.extract(member, fresh): member for member in members}
        for path, member in paths.items():
            if not member.is_dir():
                is_reachable = closed.isdisjoint(PurePosixPath(member.filename).parents)
                Path(path).chmod(_mode(member) if is_reachable else 0)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)  # A concurrent invocation has already unpacked it.
    return target


class TaskDirectory:
    """Directory of a function's code, which an invocation must leave as it was.

    Files cannot be written, but this machine lets their owner add, delete and replace them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._before = dict(self._entries())

    def restore(self) -> list[str]:
        """Return the sorted names of what was added, replaced or deleted; the next invocation does not see it."""
        after = dict(self._entries())
        both = self._before.keys() | after.keys()
        changed = sorted(name for name in both if self._before.get(name) != after.get(name))
        if changed:
            shutil.rmtree(self._directory, ignore_errors=True)  # The next invocation unpacks the package again.
        return changed

    def _entries(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield the files and directories with what changes when they are replaced."""
        for path in self._directory.rglob("*"):
            try:
                status = path.lstat()
            except FileNotFoundError:  # Deleted since.
                continue
            changes = (0, 0) if stat.S_ISDIR(status.st_mode) else (status.st_ino, status.st_mtime_ns)
            yield str(path.relative_to(self._directory)), changes


def _mode(member: zipfile.ZipInfo) -> int:
    """Return the permissions of others, without writing; a zip from a system without permissions is readable."""
    given = member.external_attr >> 16
    return (given & 0o005) * 0o111 if given else _READABLE


def _is_closed(directory: zipfile.ZipInfo) -> bool:
    given = directory.external_attr >> 16
    return bool(given) and given & _ENTERABLE != _ENTERABLE
