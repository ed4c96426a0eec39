import csv
from io import BytesIO, StringIO

import pytest
from common.errors import CorpusError
from hypothesis import given
from hypothesis import strategies as st
from read import csv_rows
from read.csv_rows import BAD_QUOTE, read_csv
from read.lines import MAX_ROW, read_lines
from read.rows import TOO_LONG, RowReport


def parse(content: str | bytes, text: str = "text", id_column: str = "id") -> tuple[list[tuple[str, str]], RowReport]:
    report = RowReport()
    report.begin_object("x.csv")
    stream = BytesIO(content.encode() if isinstance(content, str) else content)
    return list(read_csv(read_lines(stream), report, tuple(text.split(",")), id_column)), report


def reasons(report: RowReport) -> dict[str, list[str]]:
    return {reason: malformed.first for reason, malformed in report.malformed.items()}


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(fields, fields, fields)), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_output_of_the_csv_module_is_read(rows: list[tuple[str, str, str]], ending: str, mark: bool) -> None:
    file = StringIO()
    # Before Python 3.13, a writer with a non-default line terminator did not quote fields with other line breaks.
    writer = csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_MINIMAL if ending == "\r\n" else csv.QUOTE_ALL)
    writer.writerows([("id", "title", "text"), *rows])
    documents, report = parse(("\ufeff" if mark else "") + file.getvalue(), "text,title")
    assert documents == [
        (uid.strip() or f"x.csv:{number}", f"{text}\n{title}")
        for number, (uid, title, text) in enumerate(rows, start=1)
    ]
    assert report.rows == len(rows)
    assert not report.malformed


@given(st.lists(st.sampled_from(['"', ",", "\n", "\r", "a", '""', "\0", '",', "\xff"])).map("".join))
def test_no_content_is_fatal_and_every_row_is_counted(content: str) -> None:
    documents, report = parse(b"id,text\n" + content.encode("latin-1"))
    assert report.rows == len(documents) + report.malformed_rows
    lines = [line for line in content.replace("\r", "\n").split("\n") if line]
    assert report.rows <= len(lines)
    assert bool(report.rows) == bool(lines)


def test_malformed_rows_are_named_and_the_others_read() -> None:
    documents, report = parse(
        b"id,text\n"
        b"1,good\n"
        b"2,too,many\n"
        b"few\n"
        b"\n"
        b"3,N\0UL\n"
        b"4,\xff\xfe\n"
        b'5,"closed" and on\n'
        b'6,"two\nlines"\n'
        b'7,"not in one piece\n'
        b"8,fine\n"
        b'9,"also ""fine"""\n'
    )
    assert documents == [("1", "good"), ("6", "two\nlines"), ("8", "fine"), ("9", 'also "fine"')]
    assert report.rows == 10
    assert reasons(report) == {
        "wrong number of fields (the header has 2)": ["x.csv row 2 (line 3)", "x.csv row 3 (line 4)"],
        "NUL byte": ["x.csv row 4 (line 6)"],
        "not UTF-8": ["x.csv row 5 (line 7)"],
        BAD_QUOTE: ["x.csv row 6 (line 8)", "x.csv row 8 (line 11)"],
    }


def test_only_the_first_places_are_named() -> None:
    _, report = parse("id,text\n" + "x\n" * 1000)
    (malformed,) = report.malformed.values()
    assert malformed.rows == 1000
    assert malformed.first == [f"x.csv row {row} (line {row + 1})" for row in range(1, 6)]


def test_open_quote_swallows_no_rows_in_a_large_file() -> None:
    rows = "".join(f"{number},a text that is long enough to fill a file\n" for number in range(60_000))
    content = f'id,text\n{rows}a,"open\n{rows}'
    assert len(rows) > 2 * MAX_ROW
    documents, report = parse(content)
    assert len(documents) == 120_000
    assert reasons(report) == {BAD_QUOTE: ["x.csv row 60001 (line 60002)"]}


def test_open_quote_at_the_end_is_reported() -> None:
    documents, report = parse('id,text\n1,good\n2,"open\n3,good\n4,"open')
    assert [uid for uid, _ in documents] == ["1", "3"]
    assert reasons(report) == {BAD_QUOTE: ["x.csv row 2 (line 3)", "x.csv row 4 (line 5)"]}


def test_file_of_open_quotes_ends_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "_MAX_READ_AGAIN", 10 * MAX_ROW)
    # From each line on, quotes pair up across the lines, so that no row ever ends.
    with pytest.raises(CorpusError, match=r"x\.csv: too many rows have unbalanced quotes, most recently at line \d+\."):
        parse("id,text\n" + 'x","y\n' * 500_000)


def test_many_open_quotes_are_reported_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "_MAX_READ_AGAIN", 0)
    documents, report = parse("id,text\n" + 'a,"open\nb,good\nc,good\n' * 1000)
    assert len(documents) == 2000
    assert report.malformed[BAD_QUOTE].rows == 1000


def test_long_fields() -> None:
    # Valid although longer than the csv module's default limit of 128 KiB.
    documents, report = parse(
        f"id,text\n1,{'word ' * 100_000}\n2,{'x' * (MAX_ROW + 1)}\n3,{'x' * (6 * MAX_ROW)}\n4,b\n"
    )
    assert [uid for uid, _ in documents] == ["1", "4"]
    assert reasons(report) == {TOO_LONG: ["x.csv row 2 (line 3)", "x.csv row 3 (line 4)"]}


def test_rows_without_an_id_are_known_by_their_place() -> None:
    documents, report = parse("text,id\na,\nb,own\n")
    assert documents == [("x.csv:1", "a"), ("own", "b")]
    assert report.without_id == 1
    assert parse("text\na\n")[0] == [("x.csv:1", "a")]
    assert parse("text,id\na,7\n", id_column="")[0] == [("x.csv:1", "a")]


@pytest.mark.parametrize("content", ["", "\n\n", "id,text\n", "\ufeff"])
def test_no_rows(content: str) -> None:
    assert parse(content)[0] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id;text\n1;a\n", r"x\.csv has no column 'text'; its header is 'id;text'\. .*text_columns"),
        (b"id,text,text\n", "x.csv has more than one column 'text'"),
        (b"id,id,text\n", "x.csv has more than one column 'id'"),
        (b'id,"text\n1,a\n', "x.csv: the first row must be the header, but it cannot be read: a quote"),
        ("id,text\n1,a".encode("utf-16"), "x.csv: the first row .* cannot be read: NUL byte"),
        (b"\x1f\x8b\x08\xff\n", "x.csv: the first row .* cannot be read: not UTF-8"),
    ],
)
def test_header_without_the_columns(content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        parse(content)
