import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.cloudwatch.metric_math import MetricMathError, evaluate

METRICS = {"errors": [1.0, None, 3.0], "calls": [4.0, 5.0, 0.0]}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("100 * errors / calls", [25.0, None, None]),
        ("errors + -1", [0.0, None, 2.0]),
        ("calls ^ 2 - 1", [15.0, 24.0, -1.0]),
        ("FILL(errors, 0) / IF(calls > 0, calls, 1)", [0.25, 0.0, 3.0]),
        ("FILL(errors, REPEAT)", [1.0, 1.0, 3.0]),
        ("MAX([errors, calls])", [4.0, 5.0, 3.0]),
        ("SUM(METRICS())", [5.0, 5.0, 3.0]),
        ("AVG([errors, calls]) + MIN([1, 2])", [3.5, 6.0, 2.5]),
        ("calls >= 4 AND errors < 3", [1.0, None, 0.0]),
        ("calls == 5 || calls == 0", [0.0, 1.0, 1.0]),
        ("CEIL(calls / 3) + FLOOR(calls / 3) + ABS(0 - calls)", [7.0, 8.0, 0.0]),
    ],
)
def test_values_of_expressions(expression: str, values: list[float | None]) -> None:
    assert evaluate(expression, METRICS, 3) == values


@given(st.lists(st.none() | st.floats(0, 1e6), min_size=1, max_size=8), st.floats(0, 100))
def test_filled_metric_has_no_gap(values: list[float | None], filler: float) -> None:
    filled = evaluate(f"FILL(m, {filler!r})", {"m": values}, len(values))
    assert filled == [filler if value is None else value for value in values]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("errors +", "is not a valid metric math expression"),
        ("errors / attempts", "names attempts; known ids: errors, calls"),
        ("ANOMALY_DETECTION_BAND(errors, 2)", "ANOMALY_DETECTION_BAND with 2 arguments is not supported"),
        ("MAX(errors)", "errors is not supported"),
        ("errors.__class__", "errors.__class__ is not supported"),
        ("True", "True is not supported"),
    ],
)
def test_unknown_expressions_are_refused(expression: str, complaint: str) -> None:
    with pytest.raises(MetricMathError, match=complaint):
        evaluate(expression, METRICS, 3)
