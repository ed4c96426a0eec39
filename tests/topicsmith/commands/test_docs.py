"""Checks of the documents: links, and the targets, commands and options that they name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from topicsmith.cli import app

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for folder, pattern in (
        (".", "*.md"),
        (".github", "**/*.md"),
        ("benchmarks", "*.md"),
        ("containers/ntm", "*.md"),
        ("docs", "**/*.md"),
        ("localcloud", "*.md"),
        ("tests", "*.md"),
    )
    for path in (ROOT / folder).glob(pattern)
)
PROGRAM: Any = typer.main.get_command(app)
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def _without_code(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.M | re.S)


def _anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", _without_code(document.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(document: Path) -> Iterator[str]:
    """Yield the command lines of console blocks, and inline code."""
    text = document.read_text().replace("\\\n", " ")
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.M | re.S):
        yield from (line.strip()[2:] for line in block.splitlines() if line.strip().startswith("$ "))
    yield from (span.replace("\n", " ") for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", _without_code(text)))


def _commands(document: Path) -> Iterator[list[str]]:
    """Yield the words that follow ``topicsmith`` wherever the program is called."""
    for line in _code(document):
        for part in re.split(r"[|;)]|&&|\$\(", line.partition("  #")[0]):
            if found := re.search(r"(?:^|[\s\"])topicsmith\s+(.+)", part):
                yield found[1].split()


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts} | {"--help"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 160


@each_document
def test_links_between_documents_are_valid(document: Path) -> None:
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", _without_code(document.read_text())
    ):
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


@each_document
def test_named_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    for line in _code(document):
        for words in re.findall(r"(?:^|&& |[A-Z_]+=\S+ )make((?: [a-z0-9-]+)+)", line):
            assert set(words.split()) <= targets, line


@each_document
def test_named_commands_and_options_exist(document: Path) -> None:
    everywhere = _options(PROGRAM)
    for words in _commands(document):
        command = PROGRAM
        for word in words:
            if option := re.match(r"\[?(--[a-z0-9-]+)", word):
                assert option[1] in everywhere | _options(command), words
            elif hasattr(command, "commands") and (name := re.match("[a-z]+", word)):
                assert name[0] in command.commands, words
                command = command.commands[name[0]]


def test_commands_are_found() -> None:
    found = [words for document in DOCUMENTS for words in _commands(document)]
    assert ["local", "env"] in found
    assert ["promote", "1", "--from", "dev", "--to", "prod", "--to-profile", "222222222222", "--wait"] in found
    assert {"run", "approve", "rollback", "infer", "diff"} <= {words[0] for words in found}


def test_one_name_for_the_program() -> None:
    texts = [*DOCUMENTS, *(ROOT / "examples").glob("*.py"), ROOT / "Makefile"]
    assert [str(path) for path in texts if "python -m topicsmith" in path.read_text()] == []
