"""Text, Markdown and JSON reports."""

import io
import json
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from topicsmith.diff.compare import Report
from topicsmith.diff.model.changes import Change, Found, Risk
from topicsmith.diff.report import as_json, as_markdown, as_text

_SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "diff.schema.json").read_text())
_LOST = Change(
    Risk.DATA, "renamed", "Bucket Data/Bucket_1 is lost.", ("A → B",), way_out="Keep the id.", resources=("A",)
)
_OPENED = Change(Risk.ACCESS, "opened", "Role R: opened to everyone.", ("+ everyone may s3:*",), exposes=True)
_FOLDED = Change(Risk.REST, "code", "New code: Function F.", ("~ handler.py",), folded=True)
_LONG = Change(Risk.BEHAVIOUR, "changed", "Alarm A changes.", tuple(f"line {number}" for number in range(40)))


def _report(*changes: Change) -> Report:
    return Report([Found(change, ("topicsmith-dev-data",)) for change in changes], ["1b6a4ee → the working tree"])


def _text(report: Report, *, verbose: bool = False, terminal: bool = False) -> str:
    stream = io.StringIO()
    as_text.write(report, Console(file=stream, width=60, force_terminal=terminal), verbose=verbose)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("changes", "status"), [((), 0), ((_FOLDED, _LONG), 1), ((_LOST,), 2), ((_OPENED, _FOLDED), 2)]
)
def test_the_status_follows_the_worst_change(changes: tuple[Change, ...], status: int) -> None:
    assert _report(*changes).status == status


@pytest.mark.parametrize("verbose", [False, True])
def test_text_unfolds_on_demand(verbose: bool) -> None:
    text = _text(_report(_LOST, _LONG, _FOLDED), verbose=verbose)
    assert text.index("DATA") < text.index("Behaviour") < text.index("The rest")
    assert ("~ handler.py" in text) is verbose
    assert ("line 39" in text) is verbose
    assert ("26 more (-v)" in text) is not verbose


def test_text_is_plain_in_a_pipe_and_in_colour_on_a_terminal() -> None:
    assert "\x1b" not in _text(_report(_LOST))
    assert "\x1b" in _text(_report(_LOST), terminal=True)


def test_no_changes_is_a_sentence() -> None:
    assert "No changes." in _text(_report())


def test_markdown_escapes_messages() -> None:
    text = as_markdown.write(_report(_LOST, _FOLDED), title="Diff of dev")
    assert r"**Bucket Data/Bucket\_1 is lost.**" in text
    assert "<details><summary>The rest (1)</summary>" in text


def test_markdown_fits_into_a_comment_and_counts_omitted_changes() -> None:
    many = [Change(Risk.BEHAVIOUR, "changed", f"Alarm {number}.", ("x" * 500,)) for number in range(300)]
    text = as_markdown.write(_report(_LOST, *many, _FOLDED), title="Diff of dev")
    assert len(text) <= 65_536
    shown = text.count("\n- ")
    assert f"**{302 - shown} more changes do not fit into a comment.**" in text
    assert "is lost" in text


def test_a_fence_is_longer_than_backticks_inside() -> None:
    change = Change(Risk.BEHAVIOUR, "changed", "F changes.", ("a: ``` → b",))
    assert "````diff" in as_markdown.write(_report(change), title="Diff of dev")


def test_json_follows_the_schema() -> None:
    record = as_json.record(_report(_LOST, _OPENED, _LONG, _FOLDED))
    jsonschema.validate(record, _SCHEMA)
    assert [one["dangerous"] for one in record["changes"]] == [True, True, False, False]
    assert record["status"] == 2
