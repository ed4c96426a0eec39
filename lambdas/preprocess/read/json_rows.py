"""Reader of JSON Lines files (https://jsonlines.org) that tolerates malformed rows."""

import json
from collections.abc import Iterator

from read.lines import MAX_ROW
from read.rows import TOO_LONG, RowReport, damage, is_unicode

_KINDS: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"
}  # fmt: skip


class _Malformed(Exception):
    pass


def read_json_lines(
    lines: Iterator[str], report: RowReport, text_columns: tuple[str, ...], id_column: str
) -> Iterator[tuple[str, str]]:
    """Yield the (id, text) of each usable row; ``text_columns`` are keys of each row's object.

    Malformed rows are counted in ``report``. An ID may be a string or an integer.
    """
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        report.begin_row(number)
        try:
            row = _parse(line)
            text = "\n".join([_text(row, column) for column in text_columns])
            uid = report.uid(_id(row, id_column) if id_column else None)
        except _Malformed as malformed:
            report.reject(str(malformed))
        else:
            yield uid, text


def _parse(line: str) -> dict[str, object]:
    if len(line) > MAX_ROW:
        raise _Malformed(TOO_LONG)
    if reason := damage(line):
        raise _Malformed(reason)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise _Malformed("not JSON") from None
    if not isinstance(row, dict):
        raise _Malformed("not a JSON object")
    return row


def _text(row: dict[str, object], column: str) -> str:
    if column not in row:
        raise _Malformed(f"{column!r} is missing")
    value = row[column]
    if not isinstance(value, str):
        raise _Malformed(f"{column!r} is {_KINDS[type(value)]}, not a string")
    if not is_unicode(value):
        raise _Malformed(f"{column!r} contains a lone surrogate")
    return value


def _id(row: dict[str, object], column: str) -> str | None:
    if column not in row:
        return None
    if type(row[column]) is int:
        return str(row[column])
    return _text(row, column)
