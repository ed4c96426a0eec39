"""Schedule expressions of EventBridge and Application Auto Scaling."""

import re
from datetime import datetime

from stacks.config.sections.base import refuse

_EXPRESSION = re.compile(r"(cron|rate|at)\((.+)\)")
_RATE = re.compile(r"1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days)")
_CRON_FIELDS = 6
_LONGEST = 256

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Name, least and greatest number, names of the numbers from the least, and further forms of each field. See
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], str], ...] = (
    ("minutes", 0, 59, (), "(?!)"),
    ("hours", 0, 23, (), "(?!)"),
    ("day of month", 1, 31, (), r"\?|L|LW|[0-9]{1,2}W"),
    ("month", 1, 12, _MONTHS, "(?!)"),
    ("day of week", 1, 7, _DAYS, r"\?|L|([1-7]|[A-Z]{3})(L|#[1-5])"),
    ("year", 1970, 2199, (), "(?!)"),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4


def check_schedule(expression: str, kinds: tuple[str, ...], allowed: str) -> None:
    """Reject an expression that AWS would reject.

    Args:
        expression: The expression.
        kinds: Allowed kinds of expressions: cron, rate, at.
        allowed: Examples for the error.

    Raises:
        PydanticCustomError: The expression is invalid.
    """
    if len(expression) > _LONGEST:
        raise refuse(f"{len(expression)} characters", f"at most {_LONGEST}")
    match = _EXPRESSION.fullmatch(expression)
    if not match or match[1] not in kinds:
        *first, last = (f"{kind}(...)" for kind in kinds)
        raise refuse(f"not a {', '.join(first)} or {last} expression", allowed)
    kind, inner = match.groups()
    if kind == "cron":
        _check_cron(inner.split(), allowed)
    if kind == "rate" and not _RATE.fullmatch(inner):
        raise refuse("rate needs a number and minutes, hours or days, with 1 in the singular", allowed)
    if kind == "at" and not _is_time(inner):
        raise refuse("at needs a date and a time, without a time zone (use timezone)", allowed)


def _check_cron(fields: list[str], allowed: str) -> None:
    if len(fields) != _CRON_FIELDS:
        raise refuse("cron needs minutes, hours, day of month, month, day of week and year", allowed)
    for text, (name, least, greatest, names, forms) in zip(fields, _FIELDS, strict=True):
        numbers = {name: least + place for place, name in enumerate(names)}
        if not all(_is_part(part, least, greatest, numbers, forms) for part in text.split(",")):
            raise refuse(f"cron has {text!r} as {name}, which has values from {least} to {greatest}", allowed)
    if (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        raise refuse("cron needs ? as either day of month or day of week, and a value or * as the other", allowed)


def _is_part(part: str, least: int, greatest: int, numbers: dict[str, int], forms: str) -> bool:
    if re.fullmatch(forms, part):
        return True
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) >= 1):
        return False
    if span == "*":
        return True
    values = [numbers.get(value, int(value) if value.isdecimal() else -1) for value in span.split("-", 1)]
    return all(least <= value <= greatest for value in values)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).isoformat() == text and len(text) == len("yyyy-mm-ddThh:mm:ss")
    except ValueError:
        return False
