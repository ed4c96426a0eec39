"""Row counts and reports of malformed rows."""

from dataclasses import dataclass, field

from read.lines import MAX_ROW

TOO_LONG = f"longer than {MAX_ROW} characters"

REPORTED_PLACES = 5
"""Number of rows reported for each reason."""


@dataclass
class Malformed:
    """Rows that are malformed for the same reason; ``first`` contains the locations of the first few."""

    rows: int = 0
    first: list[str] = field(default_factory=list)


@dataclass
class RowReport:
    """Row counts of a corpus.

    Attributes:
        key: Object being read.
        row: Number of the current row in that object, starting at 1.
        line: Number of the line on which the current row begins, starting at 1.
        rows: Number of rows read from all objects.
        without_id: Number of rows without an ID.
        malformed: Malformed rows by reason.
    """

    key: str = ""
    row: int = 0
    line: int = 0
    rows: int = 0
    without_id: int = 0
    malformed: dict[str, Malformed] = field(default_factory=dict)

    @property
    def malformed_rows(self) -> int:
        """Number of malformed rows."""
        return sum(malformed.rows for malformed in self.malformed.values())

    def begin_object(self, key: str) -> None:
        """Start the next object."""
        self.key, self.row, self.line = key, 0, 0

    def begin_row(self, line: int) -> None:
        """Start the next row, which begins at ``line``."""
        self.row += 1
        self.rows += 1
        self.line = line

    def reject(self, reason: str) -> None:
        """Count the current row as malformed."""
        malformed = self.malformed.setdefault(reason, Malformed())
        malformed.rows += 1
        if len(malformed.first) < REPORTED_PLACES:
            malformed.first.append(f"{self.key} row {self.row} (line {self.line})")

    def uid(self, given: str | None) -> str:
        """Return the ID of the current row: the given one or, without one, its position."""
        if given:
            return given
        self.without_id += 1
        return f"{self.key}:{self.row}"


def damage(raw: str) -> str | None:
    """Return the reason why a row is unusable in any format, or None."""
    if "\0" in raw:
        return "NUL byte"
    return None if is_unicode(raw) else "not UTF-8"


def is_unicode(text: str) -> bool:
    """Return whether ``text`` is free of lone surrogates, which cannot be encoded."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
