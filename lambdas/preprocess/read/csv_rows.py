"""Reader of CSV files (RFC 4180) that tolerates malformed rows."""

import csv
from collections import deque
from collections.abc import Iterator

from common.errors import CorpusError

from read.lines import MAX_ROW
from read.rows import TOO_LONG, RowReport, damage

BAD_QUOTE = "a quote that is not closed, or not doubled inside a quoted field"

_MAX_READ_AGAIN = 64 * MAX_ROW


class _RowTooLong(Exception):
    pass


class _RowLines(Iterator[str]):
    """Line source for the csv reader that buffers the current row, whose lines may have to be read again.

    Attributes:
        row: Lines of the current row so far.
        first: Number of the row's first line, starting at 1.
    """

    def __init__(self, lines: Iterator[str], key: str) -> None:
        self._lines = lines
        self._key = key
        self._again: deque[str] = deque()
        self._number = 0
        self._size = 0
        self._read = 0
        self._read_again = 0
        self.row: list[str] = []
        self.first = 1

    def __next__(self) -> str:
        if self._again:
            line = self._again.popleft()
        else:
            line = next(self._lines)
            self._read += len(line)
        self._number += 1
        self._size += len(line)
        self.row.append(line)
        if self._size > MAX_ROW:
            raise _RowTooLong
        return line

    def begin_row(self) -> None:
        self.row.clear()
        self._size = 0
        self.first = self._number + 1

    def read_again_from_second(self) -> None:
        """Reduce the row to its first line, which keeps an unclosed quote from swallowing the following lines."""
        self._again.extendleft(reversed(self.row[1:]))
        self._number -= len(self.row) - 1
        self._read_again += self._size - len(self.row[0])
        # Otherwise a crafted file could cost MAX_ROW characters for each of its lines.
        if self._read_again > _MAX_READ_AGAIN + 3 * self._read:
            raise CorpusError(
                f"{self._key}: too many rows have unbalanced quotes, most recently at line {self.first}. Quote fields "
                'as in RFC 4180 ("a ""quoted"" word").'
            )


def read_csv(
    lines: Iterator[str], report: RowReport, text_columns: tuple[str, ...], id_column: str
) -> Iterator[tuple[str, str]]:
    """Yield the (id, text) of each usable row; the first row is the header.

    Malformed rows are counted in ``report``. A line that opens a quote without closing it counts as malformed, and
    reading continues with the next line.

    Raises:
        CorpusError: The first row is not a header that contains each of ``text_columns`` exactly once.
    """
    csv.field_size_limit(MAX_ROW)
    source = _RowLines(lines, report.key)
    rows = _parse(source)
    header = next(rows, [])
    if not header:
        return
    if isinstance(header, str):
        raise CorpusError(f"{report.key}: the first row must be the header, but it cannot be read: {header}")
    names = [name.strip() for name in header]
    text_indexes = [_index(names, column, report.key) for column in text_columns]
    id_index = _index(names, id_column, report.key) if id_column in names else None
    wrong_size = f"wrong number of fields (the header has {len(names)})"

    for row in rows:
        report.begin_row(source.first)
        if isinstance(row, str):
            report.reject(row)
        elif len(row) != len(names):
            report.reject(wrong_size)
        else:
            uid = report.uid(row[id_index].strip() if id_index is not None else None)
            yield uid, "\n".join([row[index] for index in text_indexes])


def _parse(source: _RowLines) -> Iterator[list[str] | str]:
    """Yield the fields of each non-blank row, or the reason why it is malformed."""
    reader = csv.reader(source, strict=True)
    while True:
        source.begin_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RowTooLong) as error:
            too_long = isinstance(error, _RowTooLong) and len(source.row) == 1
            reason = damage(source.row[0]) or (TOO_LONG if too_long else BAD_QUOTE)
            source.read_again_from_second()
            yield reason
        else:
            if row:
                yield damage("".join(source.row)) or row


def _index(names: list[str], column: str, key: str) -> int:
    if names.count(column) != 1:
        what = f"no column {column!r}" if column not in names else f"more than one column {column!r}"
        raise CorpusError(
            f"{key} has {what}; its header is {', '.join(map(repr, names[:20]))}. Set text_columns (the pipeline's "
            "parameter TextColumns) to one or more of these, separated by commas."
        )
    return names.index(column)
