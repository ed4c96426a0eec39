"""What becomes of the rows of one file: counted, and the malformed ones reported."""

from dataclasses import dataclass, field

from read.lines import MAX_ROW

TOO_LONG = f"longer than {MAX_ROW} characters"

REPORTED_PLACES = 5
"""Of the rows that are malformed for one reason, so many are named."""


@dataclass
class Malformed:
    """The rows that are malformed for one reason; ``first`` names the first few places."""

    rows: int = 0
    first: list[str] = field(default_factory=list)


@dataclass
class RowReport:
    """Counts the rows of a corpus.

    Attributes:
        key: the object that is being read.
        row: the number of the row that is being read, from 1, in that object.
        line: the number of the line at which it begins, from 1, in that object.
        rows: how many rows were read, in all objects.
        without_id: how many rows had no id of their own.
        malformed: the rows that could not be used, by reason.
    """

    key: str = ""
    row: int = 0
    line: int = 0
    rows: int = 0
    without_id: int = 0
    malformed: dict[str, Malformed] = field(default_factory=dict)

    @property
    def malformed_rows(self) -> int:
        """How many rows could not be used."""
        return sum(malformed.rows for malformed in self.malformed.values())

    def begin_object(self, key: str) -> None:
        """Go on with the next object."""
        self.key, self.row, self.line = key, 0, 0

    def begin_row(self, line: int) -> None:
        """Go on with the next row, which begins at ``line``."""
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
        """Return the id of the current row: the given one, or its place when there is none."""
        if given:
            return given
        self.without_id += 1
        return f"{self.key}:{self.row}"


def damage(raw: str) -> str | None:
    """Return why the text of a row cannot be used whatever its format, or ``None``."""
    if "\0" in raw:
        return "NUL byte"
    return None if is_unicode(raw) else "not UTF-8"


def is_unicode(text: str) -> bool:
    """Tell whether ``text`` is free of lone surrogates, which no encoding can hold."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
