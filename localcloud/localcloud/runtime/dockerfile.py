"""Build targets of a Dockerfile, as far as they matter to an image whose Dockerfile is not executed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)
_FILE = re.compile(r"(?:^|\s)(?:-r|--requirement)[\s=]*(\S+)", re.MULTILINE)
_IN_PACKAGE = 2
_NAME = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)", re.MULTILINE)


@dataclass(frozen=True)
class _Stage:
    parent: "_Stage | None"
    instructions: str


class Dockerfile:
    """Stages of a Dockerfile, and the packages that each installs with ``pip install -r FILE``.

    Args:
        path: Dockerfile.
        context: Directory with the requirements files.
    """

    def __init__(self, path: Path, context: Path):
        self._context = context
        text = path.read_text("utf-8").replace("\\\n", " ")
        found = list(_FROM.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        self._stages: dict[str, _Stage] = {}
        for number, (match, end) in enumerate(zip(found, ends, strict=True)):
            parent = self._stages.get(match[1].lower())  # None if it is an image
            self._stages[(match[2] or str(number)).lower()] = _Stage(parent, text[match.end() : end])

    def has_target(self, target: str) -> bool:
        """Return True if there is a stage of this name."""
        return target.lower() in self._stages

    def missing_modules(self, target: str) -> list[str]:
        """Return the modules that other targets install, but not this one."""
        present = set(self._packages(self._stages[target.lower()]))
        others = {package for stage in self._stages.values() for package in self._packages(stage)}
        return sorted(module for package in others - present for module in _modules(package))

    def _packages(self, stage: _Stage) -> Iterator[str]:
        if stage.parent:
            yield from self._packages(stage.parent)
        for file in _FILE.findall(stage.instructions):
            yield from _requirements(self._context / file)


def _requirements(file: Path) -> Iterator[str]:
    if not file.is_file():
        return
    text = file.read_text("utf-8")
    for name in _NAME.findall(text):
        yield re.sub(r"[-_.]+", "-", name).lower()
    for other in _FILE.findall(text):
        yield from _requirements(file.parent / other)


def _modules(package: str) -> set[str]:
    """Return the top-level modules of a package, none if this Python does not have it."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return set()
    packages = {file.parts[0] for file in files if len(file.parts) == _IN_PACKAGE and file.name == "__init__.py"}
    return packages | {file.stem for file in files if len(file.parts) == 1 and file.suffix == ".py"}
