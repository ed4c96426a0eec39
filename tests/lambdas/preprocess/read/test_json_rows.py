import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from read.json_rows import read_json_lines
from read.lines import MAX_ROW, read_lines
from read.rows import TOO_LONG, RowReport


def parse(content: str | bytes, id_column: str = "id") -> tuple[list[tuple[str, str]], RowReport]:
    report = RowReport()
    report.begin_object("x.jsonl")
    stream = BytesIO(content.encode() if isinstance(content, str) else content)
    return list(read_json_lines(read_lines(stream), report, ("title", "text"), id_column)), report


fields = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(fields.filter(bool), fields, fields)), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_output_of_the_json_module_is_read(rows: list[tuple[str, str, str]], ensure_ascii: bool, ending: str) -> None:
    content = "".join(
        json.dumps({"id": uid, "text": text, "title": title, "n": 1}, ensure_ascii=ensure_ascii) + ending
        for uid, title, text in rows
    )
    documents, report = parse(content)
    assert documents == [(uid, f"{title}\n{text}") for uid, title, text in rows]
    assert not report.malformed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"title": "a", "text": ', "not JSON"),
        (b"plain words", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"title": "a", "text": "b", "n": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'["a", "b"]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"title": "a"}', "'text' is missing"),
        (b'{"title": null, "text": "b"}', "'title' is null, not a string"),
        (b'{"title": "a", "text": 5}', "'text' is a number, not a string"),
        (b'{"title": "a", "text": NaN}', "'text' is a number, not a string"),
        (b'{"title": "a", "text": true}', "'text' is a boolean, not a string"),
        (b'{"title": "a", "text": ["b"]}', "'text' is a list, not a string"),
        (b'{"title": "a", "text": {}}', "'text' is an object, not a string"),
        (b'{"title": "a", "text": "\\ud83d"}', "'text' contains a lone surrogate"),
        (b'{"title": "a", "text": "b", "id": "\\udc00"}', "'id' contains a lone surrogate"),
        (b'{"title": "a", "text": "b", "id": 1.5}', "'id' is a number, not a string"),
        (b'{"title": "a", "text": "b", "id": true}', "'id' is a boolean, not a string"),
        (b'{"title": "a", "text": "\xff"}', "not UTF-8"),
        (b'{"title": "a", "text": "\0"}', "NUL byte"),
        (b'{"title": "a", "text": "' + b"x" * MAX_ROW + b'"}', TOO_LONG),
    ],
)
def test_malformed_row_is_counted_and_the_next_is_read(row: bytes, reason: str) -> None:
    documents, report = parse(b"\n" + row + b'\n{"title": "a", "text": "b", "id": 7}\n')
    assert documents == [("7", "a\nb")]
    assert {reason: malformed.first for reason, malformed in report.malformed.items()} == {
        reason: ["x.jsonl row 1 (line 2)"]
    }


def test_rows_without_an_id_are_known_by_their_place() -> None:
    assert parse('{"title": "a", "text": "b"}')[0] == [("x.jsonl:1", "a\nb")]
    assert parse('{"title": "a", "text": "b", "id": "c"}', id_column="")[0] == [("x.jsonl:1", "a\nb")]
