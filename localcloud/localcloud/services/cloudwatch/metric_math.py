"""Metric math: evaluation of expressions over metrics.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. Supported are numbers,
ids, arithmetic, comparisons, ``AND`` and ``OR``, and the functions of :data:`FUNCTIONS`.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.core.errors import LocalCloudError

Values = Sequence[float | None]
"""Values of a metric at the evaluated times, oldest first; None for missing ones."""

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OF_ONE: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OF_MANY: Mapping[str, Callable[[Sequence[float]], float]] = {
    "MIN": min,
    "MAX": max,
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
}
FUNCTIONS = ("FILL", "IF", "METRICS", *_OF_ONE, *_OF_MANY)
"""Supported functions; aggregations take an array, such as ``[m1, m2]`` or ``METRICS()``."""

_WORDS = {"&&": " and ", "||": " or ", "AND": "and", "OR": "or", "^": "**"}


class MetricMathError(LocalCloudError):
    """The expression is invalid or not supported."""


def evaluate(expression: str, metrics: Mapping[str, Values], length: int) -> list[float | None]:
    """Return the value of an expression at each of ``length`` times.

    Args:
        expression: For example ``100 * errors / IF(calls > 0, calls, 1)``.
        metrics: Values of metrics and of other expressions, by id.
        length: Number of times, equal to the number of each metric's values.

    Raises:
        MetricMathError: The expression is invalid or not supported.
    """
    text = re.sub(r"&&|\|\||\^|\b(?:AND|OR)\b", lambda match: _WORDS[match[0]], expression.strip())
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise MetricMathError(f"{expression!r} is not a valid metric math expression: {error.msg}.") from None
    evaluation = _Evaluation(expression, metrics)
    return [evaluation.number(tree, index) for index in range(length)]


class _Evaluation:
    """One expression, evaluated at one time after another."""

    def __init__(self, expression: str, metrics: Mapping[str, Values]):
        self._expression = expression
        self._metrics = metrics

    def number(self, node: ast.expr, index: int) -> float | None:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.Name(id=name):
                return self._metric(name)[index]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _apply(operator.mul, -1.0, self.number(operand, index))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _apply(_ARITHMETIC[type(op)], self.number(left, index), self.number(right, index))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return _apply(_COMPARISONS[type(op)], self.number(left, index), self.number(right, index))
            case ast.BoolOp(op=op, values=operands):
                values = [self.number(operand, index) for operand in operands]
                if None in values:
                    return None
                return float(all(values) if isinstance(op, ast.And) else any(values))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, index)
        raise self._unknown(node)

    def _call(self, name: str, arguments: list[ast.expr], index: int) -> float | None:
        match name, arguments:
            case "IF", [condition, yes, no]:
                holds = self.number(condition, index)
                return None if holds is None else self.number(yes if holds else no, index)
            case "FILL", [metric, ast.Name(id="REPEAT")]:
                known = (self.number(metric, earlier) for earlier in range(index, -1, -1))
                return next((value for value in known if value is not None), None)
            case "FILL", [metric, filler]:
                value = self.number(metric, index)
                return self.number(filler, index) if value is None else value
            case _, [operand] if name in _OF_ONE:
                value = self.number(operand, index)
                return None if value is None else float(_OF_ONE[name](value))
            case _, [array] if name in _OF_MANY:
                values = [value for value in self._array(array, index) if value is not None]
                return float(_OF_MANY[name](values)) if values else None
        raise MetricMathError(
            f"{self._expression!r}: {name} with {len(arguments)} arguments is not supported by the local cloud; "
            f"supported functions: {', '.join(FUNCTIONS)}."
        )

    def _array(self, node: ast.expr, index: int) -> Values:
        match node:
            case ast.List(elts=items):
                return [self.number(item, index) for item in items]
            case ast.Call(func=ast.Name(id="METRICS"), args=[]):
                return [values[index] for values in self._metrics.values()]
        raise self._unknown(node)

    def _metric(self, name: str) -> Values:
        if name not in self._metrics:
            raise MetricMathError(f"{self._expression!r} names {name}; known ids: {', '.join(self._metrics)}.")
        return self._metrics[name]

    def _unknown(self, node: ast.AST) -> MetricMathError:
        return MetricMathError(f"{self._expression!r}: {ast.unparse(node)} is not supported by the local cloud.")


def _apply(function: Callable[[float, float], Any], left: float | None, right: float | None) -> float | None:
    """Apply a function to two values; None for a missing value or a division by zero."""
    if left is None or right is None:
        return None
    try:
        return float(function(left, right))
    except (ArithmeticError, TypeError):
        return None
