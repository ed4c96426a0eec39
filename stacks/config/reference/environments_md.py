"""Writes docs/environments.md and environments/schema.json from the typed model: ``python -m stacks.environment_docs``.

Of the document only what comes after ``MARK`` is written; what comes before it is edited there. A key's meaning is its
field's description, a section's text the docstring of its class, and what its type cannot say is an ``Also`` or
``Words`` beside it.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from stacks.config import EnvironmentConfig
from stacks.config_sections.base import Section
from stacks.config_sections.production import RULES
from stacks.environment_schema import environment_schema
from stacks.field_words import allowed, inner_section

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "environments.md"
SCHEMA = ROOT / "environments" / "schema.json"
MARK = "<!-- What follows is written by `make env-docs`: change it in stacks/config.py and stacks/config_sections. -->"

# The names of all regions and instance types, one a line, would be most of the file.
_LIST_OF_WORDS = re.compile(r"\[([^\[\]{}]*)\]")


def main() -> None:
    """Write both files."""
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
    SCHEMA.write_text(schema())


def document(before: str) -> str:
    """Return the document, of which what comes before the mark stays as it is.

    Raises:
        ValueError: there is no mark.
    """
    prose, mark, _ = before.partition(MARK)
    if not mark:
        raise ValueError(f"docs/environments.md has no line {MARK}; what is written comes after it")
    return "\n".join([prose + mark, "", *_production(), *_section(EnvironmentConfig, path=())])


def schema() -> str:
    """Return the JSON Schema by which editors complete and check a file."""
    text = json.dumps(environment_schema(), indent=2, ensure_ascii=False)
    return _LIST_OF_WORDS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _production() -> Iterator[str]:
    yield "## Production"
    yield ""
    yield "With `production: true`, what is fit only for trials is refused, all of it at once and with the reason."
    yield "`production: false` is for an environment on which nobody depends."
    yield ""
    yield from _table(
        ["Key", "Production asks for", "Otherwise"],
        [[f"`{rule.key}`", rule.allowed, rule.reason] for rule in RULES],
    )
    yield ""
    yield "## Keys"
    yield ""


def _section(model: type[Section], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"{'#' * min(len(path) + 1, 3)} {'.'.join(path)}"
        yield ""
        yield (inspect.getdoc(model) or "").replace("``", "`")
        yield ""
    fields = {(*path, field.alias or name): field for name, field in model.model_fields.items()}
    # A section that is always there is no key of its own.
    keys = {key: field for key, field in fields.items() if inner_section(field) is not field.annotation}
    yield from _table(
        ["Key", "Meaning", "Allowed", "Default"],
        [
            [f"`{'.'.join(key)}`", field.description or "", allowed(field), _default(field)]
            for key, field in keys.items()
        ],
    )
    yield ""
    for key, field in fields.items():
        if inner := inner_section(field):
            yield from _section(inner, key)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (header, ["---"] * len(header), *rows):
        cells = (cell.replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    match value:
        case None:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`[{', '.join(map(str, value))}]`"
        case _:
            return f"`{value}`"


if __name__ == "__main__":
    main()
