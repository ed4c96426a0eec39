"""Regular expressions of AWS's service models, which are Java's."""

from functools import cache

import regex

# The characters beyond the basic plane, which Java writes as surrogate pairs.
_SURROGATES = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")


@cache
def pattern(expression: str) -> "regex.Pattern[str]":
    r"""Return a compiled expression, with Java's Unicode classes such as ``\p{L}``.

    Raises:
        regex.error: The expression has syntax that only Java knows.
    """
    return regex.compile(expression.replace(*_SURROGATES))


def matches(expression: str, text: str) -> bool:
    """Return True if the expression matches the whole text, as AWS demands even without anchors."""
    return pattern(expression).fullmatch(text) is not None
