"""The layout of the code: folders, the direction of imports, and tests that mirror it."""

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeVar

import pytest

from tests.structure.imports import FUNCTIONS, PACKAGES, ROOT, imported_files, imported_names, product, sources, tree

T = TypeVar("T")

# What each part may import of the others.
ALLOWED = {
    "app": {"stacks", "constructs"},
    "stacks": {"constructs"},
    "constructs": set(),
    "topicsmith": {"localcloud"},
    "localcloud": set(),
    "ntm": set(),
}
MIRRORED = {
    "stacks": ROOT / "stacks",
    "constructs": ROOT / "constructs",
    "lambdas": ROOT / "lambdas",
    "topicsmith": ROOT / "topicsmith",
    "localcloud": ROOT / "localcloud" / "localcloud",
    "containers/ntm": ROOT / "containers" / "ntm" / "ntm",
}


def _cycle(graph: dict[T, set[T]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(node) for node in error.args[1]]
    return []


def _graph() -> dict[Path, set[Path]]:
    return {path: imported_files(path, base) for path, base in product().items()}


def test_a_cycle_is_found() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not _cycle({"a": {"b"}, "b": {"c"}})


def test_no_cycle_between_files() -> None:
    assert _cycle(_graph()) == []


def test_no_cycle_between_folders() -> None:
    folders: dict[Path, set[Path]] = {}
    for path, targets in _graph().items():
        # A package's own __init__ belongs to the package: `from package import module` is no arrow to it.
        others = {target.parent for target in targets if target.name != "__init__.py"} - {path.parent}
        folders.setdefault(path.parent, set()).update(others)
    assert _cycle(folders) == []


def test_no_folder_is_fuller_than_25_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in product())
    assert {str(folder): count for folder, count in counts.items() if count > 25} == {}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_one_way(package: str) -> None:
    others = set(PACKAGES) - {package} - ALLOWED[package]
    for path in sources(PACKAGES[package] / package):
        assert not {name for name in imported_names(tree(path)) if name.partition(".")[0] in others}, path


@pytest.mark.parametrize("folder", FUNCTIONS, ids=lambda folder: folder.name)
def test_functions_import_none_of_the_projects_packages(folder: Path) -> None:
    for path in sources(folder):
        assert not {name for name in imported_names(tree(path)) if name.partition(".")[0] in PACKAGES}, path


def test_typed_environments_import_no_stack() -> None:
    for path in sources(ROOT / "stacks" / "config"):
        names = {name for name in imported_names(tree(path)) if name.startswith("stacks")}
        assert all(name.startswith("stacks.config") for name in names), path


def test_constructs_have_no_init_file() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists(), "it would hide the library of that name"


@pytest.mark.parametrize("part", MIRRORED)
def test_tests_mirror_the_code(part: str) -> None:
    folders = {path.parent.relative_to(ROOT / "tests" / part) for path in (ROOT / "tests" / part).rglob("test_*.py")}
    assert {str(folder) for folder in folders if not (MIRRORED[part] / folder).is_dir()} == set()


def test_docstrings_do_not_begin_with_a_question_word() -> None:
    """A docstring is a noun phrase or an imperative."""
    asks = re.compile(r"(What|Who|Whose|Whom|Where|How|Why|Whether|When|Which)\b")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path in product()
        for node in ast.walk(tree(path))
        if isinstance(node, documented) and (text := ast.get_docstring(node)) and asks.match(text)
    }
    assert found == set()
