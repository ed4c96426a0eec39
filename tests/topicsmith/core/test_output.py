"""Console output."""

import io
import subprocess
import sys
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.topicsmith.account import Invoke
from topicsmith.core import output
from topicsmith.serving import inference


@given(st.text())
def test_untrusted_text_cannot_move_the_cursor(text: str) -> None:
    shown = output.printable(text)
    assert shown.isprintable()
    assert "\x1b" not in shown


@given(st.text(), st.integers(2, 40))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert len(output.shorten(text, width)) <= width


def test_durations_are_readable() -> None:
    said = [output.duration(seconds) for seconds in (0, 7.31, 59.94, 59.96, 80, 3599.6, 3725, None)]
    assert said == ["0.0 s", "7.3 s", "59.9 s", "1 min 00 s", "1 min 20 s", "1 h 00 min", "1 h 02 min", ""]


@given(st.lists(st.text(max_size=50), max_size=30), st.integers(40, 400))
def test_batches_keep_all_texts_in_order_within_the_limit(texts: list[str], limit: int) -> None:
    batches = list(inference.batches(texts, limit))
    assert [text for batch in batches for text in batch] == texts
    assert all(batch for batch in batches)
    assert all(len(batch) == 1 or len(inference.body(batch)) <= limit for batch in batches)


def test_help_of_every_command_has_an_example(invoke: Invoke) -> None:
    commands = ["run", "runs", "models", "approve", "rollback", "topics", "infer"]
    commands += [f"local {name}" for name in ("up", "down", "status", "env", "demo")]
    for command in commands:
        result = invoke(*command.split(), "--help")
        assert result.exit_code == 0
        assert f"topicsmith {command}" in result.stdout
        assert "--json" in result.stdout


def test_help_does_not_load_boto3() -> None:
    script = (
        "import sys\n"
        "from topicsmith.cli import app\n"
        "try: app(['run', '--help'])\n"
        "finally: print(any(name in sys.modules for name in ('boto3', 'botocore', 'moto')))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"


def _shown(width: int, cells: Sequence[str]) -> str:
    table = output.table("Version", "Run", "Corpus", "By", right=["Version"], wrapped=["By"])
    table.add_row(*cells)
    table.add_row("2", "r2", "", "someone else")
    buffer = io.StringIO()
    console = Console(file=buffer, width=width)
    console.print(table)
    return buffer.getvalue()


def test_a_table_that_is_too_wide_becomes_blocks() -> None:
    cells = ["1", "7qk2v0xw9h3d", "raw/reviews-of-the-year.csv.gz", "a role with a long name in some account"]
    wide = _shown(120, cells).splitlines()
    assert wide[0].split() == ["Version", "Run", "Corpus", "By"]
    assert len(wide) == 3
    narrow = [line.rstrip() for line in _shown(60, cells).splitlines()]
    assert narrow[:3] == ["Version  1", "Run      7qk2v0xw9h3d", "Corpus   raw/reviews-of-the-year.csv.gz"]
    assert narrow[4:] == ["", "Version  2", "Run      r2", "By       someone else"]


@given(st.integers(20, 200), st.lists(st.text("abc ", max_size=40), min_size=4, max_size=4))
def test_no_word_in_a_table_is_truncated(width: int, cells: list[str]) -> None:
    shown = _shown(width, cells)
    assert "…" not in shown
    assert all(len(line) <= width for line in shown.splitlines())
