"""What the documents say is so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from stacks.config import EnvironmentConfig
from tests.unit.topicsmith.account import Invoke

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_environments_documents_every_key_with_its_meaning_and_default() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (.+?) \| .+? \| (.*?) ?\|$", (ROOT / "docs/environments.md").read_text(), re.M
    )
    assert rows == list(_keys(EnvironmentConfig))


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (key, meaning, default) as the document has them: a section's own keys before its sections."""
    sections: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section:
            sections.append((f"{prefix}{name}.", section))
        # One that may be left out, or that there may be several of, is a key as well.
        if section is not field.annotation:
            yield (
                f"{prefix}{name}",
                field.description or "",
                "required" if field.is_required() else _yaml(field.default),
            )
    for path, inner in sections:
        yield from _keys(inner, path)


def _section(annotation: object) -> type[BaseModel] | None:
    """Return the section, the one that may be null, or the one of a list; a range of tuning is a value."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel) and not one.__pydantic_generic_metadata__["origin"]:
            return one
    return None


def _yaml(default: object) -> str:
    match default:
        case None:
            return ""
        case bool():
            return f"`{str(default).lower()}`"
        case tuple():
            return f"`[{', '.join(map(str, default))}]`"
        case _:
            return f"`{default}`"


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", document.read_text(), re.M))
        assert named <= targets, document.name


def test_commands_that_are_named_exist(invoke: Invoke) -> None:
    command = re.compile(
        r"(?:`|^\$ )(?:topicsmith|\.venv/bin/python -m topicsmith) (?:--local )?((?:local )?[a-z]+)", re.M
    )
    named = {found for document in DOCUMENTS for found in command.findall(document.read_text())}
    assert {"run", "approve", "local up"} <= named
    for words in named:
        assert invoke(*words.split(), "--help").exit_code == 0, words
