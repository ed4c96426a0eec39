"""What docs/environments.md says of the keys is what the model says."""

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from stacks import environment_docs
from stacks.config import EnvironmentConfig
from stacks.config_sections.base import Also, Section, Words
from stacks.config_sections.tuning_ranges import Choices, Numbers
from stacks.environment_docs import DOCUMENT, MARK, SCHEMA, document
from stacks.environment_files import load_environments
from stacks.field_words import allowed

_SAY = "run make env-docs, and commit what it writes"


def test_the_document_is_what_the_model_says() -> None:
    text = DOCUMENT.read_text()
    assert document(text) == text, _SAY


def test_the_schema_is_what_the_model_says() -> None:
    assert environment_docs.schema() == SCHEMA.read_text(), _SAY


def test_every_key_is_there_with_its_meaning() -> None:
    text = document(MARK)
    for name, field in EnvironmentConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            assert f"\n## {name}\n" in text
            for inner, one in field.annotation.model_fields.items():
                if not (isinstance(one.annotation, type) and issubclass(one.annotation, Section)):
                    assert f"\n| `{name}.{one.alias or inner}` | {one.description} | " in text
        else:
            assert f"\n| `{name}` | {field.description} | " in text


def test_the_file_of_the_guide_is_an_environment(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    (tmp_path / "staging.yaml").write_text(text)
    (tmp_path / "dev.yaml").write_text("region: us-east-1\n")
    assert load_environments(tmp_path)["staging"].promotion.source == "dev"


def test_prose_stays_and_what_was_written_before_goes() -> None:
    text = document(f"# Mine\n\n{MARK}\n\nold\n")
    assert text.startswith(f"# Mine\n\n{MARK}\n\n## Production\n")
    assert "old\n" not in text.splitlines(keepends=True)
    assert text.endswith(" |\n")


def test_a_document_without_the_mark_is_left_alone() -> None:
    with pytest.raises(ValueError, match="has no line <!-- What follows"):
        document("# Mine\n")


class _Inner(Section):
    """A section."""


Percent = Annotated[float, Field(gt=0, lt=100)]


class _Keys(Section):
    yes: bool = False
    count: int = Field(default=1, ge=1, le=40_320)
    share: float = Field(default=0.5, gt=0, lt=0.5)
    small: float = Field(default=1, ge=1e-6)
    even: int = Field(default=2, ge=2, multiple_of=2)
    percent: Percent | None = None
    text: str = ""
    name: Annotated[str, Field(pattern="^a$"), Words("a name"), Also("each once")] | None = None
    choice: Annotated[Literal["a", "b"], Also("a in production")] = "a"
    numbers: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(), max_length=5, strict=False)
    inner: _Inner | None = None
    inners: Annotated[tuple[_Inner, ...], Also("none with b")] = Field(default=(), max_length=9, strict=False)
    interval: Numbers[Percent] | None = None
    words: Choices[Literal["a", "b"]] | None = None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("yes", "true, false"),
        ("count", "integer ≥ 1, ≤ 40,320"),
        ("share", "number > 0, < 0.5"),
        ("small", "number ≥ 1e-06"),
        ("even", "integer ≥ 2, a multiple of 2"),
        ("percent", "number > 0, < 100, or null"),
        ("text", "text"),
        ("name", "a name, or null; each once"),
        ("choice", "a, b; a in production"),
        ("numbers", "list of at most 5: integer ≥ 1"),
        ("inner", "see below, or null"),
        ("inners", "list of at most 9, see below; none with b"),
        ("interval", "numbers > 0, < 100, or null"),
        ("words", "`values` of a, b, or null"),
    ],
)
def test_what_is_allowed_in_words(key: str, words: str) -> None:
    assert allowed(_Keys.model_fields[key]) == words
