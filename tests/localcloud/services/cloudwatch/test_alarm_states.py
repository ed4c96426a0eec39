"""The tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.cloudwatch.alarm_state import MissingData, Rule, State

OK, ALARM, NO_DATA = State.OK, State.ALARM, State.INSUFFICIENT_DATA
POINTS = {"0": False, "X": True, "-": None}


def _states(points: str, periods: int, to_alarm: int, before: State) -> list[State]:
    """Return the states for missing data treated as missing, ignore, breaching and notBreaching."""
    values = [POINTS[point] for point in points]
    return [Rule(periods, to_alarm, missing).state(values, before) for missing in MissingData]


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize(
    ("points", "missing", "ignored", "breaching", "not_breaching"),
    [
        ("0-X-X", OK, OK, OK, OK),
        ("0----", OK, OK, OK, OK),
        ("-----", NO_DATA, None, ALARM, OK),
        ("0XX-X", ALARM, ALARM, ALARM, ALARM),
        ("----X", NO_DATA, None, ALARM, OK),
        ("--X--", ALARM, None, ALARM, OK),
        ("X----", ALARM, None, ALARM, OK),
    ],
)
def test_three_of_three(
    points: str, before: State, missing: State, ignored: State | None, breaching: State, not_breaching: State
) -> None:
    assert _states(points, 3, 3, before) == [missing, ignored or before, breaching, not_breaching]


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize(
    ("points", "missing", "ignored", "breaching", "not_breaching"),
    [
        ("0-X-X", ALARM, ALARM, ALARM, ALARM),
        ("00X0X", ALARM, ALARM, ALARM, ALARM),
        ("0-X--", OK, OK, ALARM, OK),
        ("----0", OK, OK, ALARM, OK),
        ("----X", NO_DATA, None, ALARM, OK),
    ],
)
def test_two_of_three(
    points: str, before: State, missing: State, ignored: State | None, breaching: State, not_breaching: State
) -> None:
    assert _states(points, 3, 2, before) == [missing, ignored or before, breaching, not_breaching]


@given(st.lists(st.booleans(), min_size=5, max_size=5), st.integers(1, 3), st.sampled_from(MissingData))
def test_without_gaps_the_last_periods_decide(points: list[bool], to_alarm: int, missing: MissingData) -> None:
    expected = ALARM if sum(points[-3:]) >= to_alarm else OK
    assert Rule(3, to_alarm, missing).state(points, NO_DATA) is expected
