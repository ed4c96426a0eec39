"""Imports of the project's own modules, read from their source."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

PACKAGES: Mapping[str, Path] = {
    "app": ROOT,
    "stacks": ROOT,
    "constructs": ROOT,
    "topicsmith": ROOT,
    "localcloud": ROOT / "localcloud",
    "ntm": ROOT / "containers" / "ntm",
}
"""The folder from which each package is imported."""

FUNCTIONS = sorted(path for path in (ROOT / "lambdas").iterdir() if path.is_dir())
"""The folders of the Lambda functions; each is the root of its own imports."""


def sources(folder: Path) -> list[Path]:
    """Return the Python files of a folder or a module."""
    if folder.with_suffix(".py").is_file():
        return [folder.with_suffix(".py")]
    return sorted(path for path in folder.rglob("*.py") if "node_modules" not in path.parts)


def product() -> dict[Path, Path]:
    """Return all source files that ship, each with the folder that its imports start from."""
    packages = {path: base for name, base in PACKAGES.items() for path in sources(base / name)}
    functions = {path: folder for folder in FUNCTIONS for path in sources(folder)}
    return packages | functions


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"))


def imported_names(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a tree imports, at any depth; `from a import b` yields `a` and `a.b`."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def imported_files(path: Path, base: Path) -> set[Path]:
    """Return the files of the project that a file imports.

    Args:
        path: The importing file.
        base: The folder that its own package is imported from. Other packages are found in their own.
    """
    found = set()
    for name in imported_names(tree(path)):
        start = PACKAGES.get(name.partition(".")[0], base)
        target = start.joinpath(*name.split("."))
        found |= {file for file in (target.with_suffix(".py"), target / "__init__.py") if file.is_file()}
    return found - {path}
