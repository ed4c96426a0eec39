"""Links, make targets and commands in the documentation."""

import re
from pathlib import Path

from tests.topicsmith.account import Invoke

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", document.read_text(), re.M))
        assert named <= targets, document.name


def test_commands_that_are_named_exist(invoke: Invoke) -> None:
    command = re.compile(
        r"(?:`|^\$ )(?:topicsmith|\.venv/bin/python -m topicsmith) (?:--local )?((?:local )?[a-z]+)", re.M
    )
    named = {found for document in DOCUMENTS for found in command.findall(document.read_text())}
    assert {"run", "approve", "local up"} <= named
    for words in named:
        assert invoke(*words.split(), "--help").exit_code == 0, words
