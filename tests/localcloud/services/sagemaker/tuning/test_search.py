import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.sagemaker.tuning.plan import Epochs, Plan
from localcloud.services.sagemaker.tuning.ranges import (
    ChoiceRange,
    NumberRange,
    Range,
    RangeError,
    combinations,
    read_ranges,
)
from localcloud.services.sagemaker.tuning.search import Search

RATE = NumberRange("learning_rate", 0.001, 0.9, "Logarithmic", is_integer=False)
BATCH = NumberRange("mini_batch_size", 16, 2048, "Linear", is_integer=True)
DECAY = NumberRange("decay", 0.5, 0.999, "ReverseLogarithmic", is_integer=False)
OPTIMIZER = ChoiceRange("optimizer", ("adam", "sgd"))
ACTIVATION = ChoiceRange("activation", ("relu", "tanh", "sigmoid"))


def _plan(strategy: str, *ranges: Range, jobs: int = 12, seed: int | None = 1, epochs: Epochs | None = None) -> Plan:
    return Plan(strategy, list(ranges), jobs, 1, False, epochs, seed)


def _numbers(**more: Any) -> dict[str, Any]:
    return {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.001", "MaxValue": "10", **more}]}


def test_ranges_are_read_by_name() -> None:
    ranges = read_ranges(
        {
            "IntegerParameterRanges": [{"Name": "b", "MinValue": "1", "MaxValue": "8", "ScalingType": "Linear"}],
            "ContinuousParameterRanges": [{"Name": "c", "MinValue": "1e-3", "MaxValue": "0.5"}],
            "CategoricalParameterRanges": [{"Name": "a", "Values": ["p", "q"]}],
        }
    )
    assert ranges == [
        ChoiceRange("a", ("p", "q")),
        NumberRange("b", 1, 8, "Linear", True),
        NumberRange("c", 0.001, 0.5, "Linear", False),
    ]
    assert combinations(ranges) == math.inf
    assert combinations(ranges[:2]) == 16
    assert combinations([OPTIMIZER, ACTIVATION]) == 6


@pytest.mark.parametrize(
    ("ends", "scale"), [(("0.0001", "0.1"), "Logarithmic"), (("0", "0.1"), "Linear"), (("16", "2048"), "Linear")]
)
def test_automatic_scaling_depends_on_the_bounds(ends: tuple[str, str], scale: str) -> None:
    (one,) = read_ranges(_numbers(MinValue=ends[0], MaxValue=ends[1], ScalingType="Auto"))
    assert isinstance(one, NumberRange)
    assert one.scale == scale


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({}, "At least one hyperparameter"),
        (_numbers(MaxValue="0.001"), "MinValue 0.001 of x is not below its MaxValue 0.001"),
        (_numbers(MaxValue="much"), "MinValue or MaxValue of x is not a number"),
        (_numbers(MaxValue="inf"), "is not below"),
        (_numbers(MinValue="0", ScalingType="Logarithmic"), "Logarithmic scaling needs values above 0"),
        (_numbers(ScalingType="ReverseLogarithmic"), "within 0 <= x < 1; the range of x is 0.001 to 10"),
        (_numbers(ScalingType="Wild"), "'Wild'"),
        (
            {"IntegerParameterRanges": [{"Name": "x", "MinValue": "1.5", "MaxValue": "2"}]},
            "MinValue or MaxValue of x is not a number",
        ),
        ({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a", "a"]}]}, "must be distinct"),
        (
            {**_numbers(), "CategoricalParameterRanges": [{"Name": "x", "Values": ["a"]}]},
            "with more than one range: x",
        ),
        ({"AutoParameters": [{"Name": "x", "ValueHint": "1"}]}, "AutoParameters are not supported"),
    ],
)
def test_range_that_cannot_be_searched_is_named(request_: dict[str, Any], reason: str) -> None:
    with pytest.raises(RangeError, match=reason):
        read_ranges(request_)


@given(st.sampled_from(["Bayesian", "Random", "Hyperband"]), st.integers(0, 3))
def test_proposals_are_within_their_ranges(strategy: str, seed: int) -> None:
    ranges: list[Range] = [RATE, BATCH, DECAY, OPTIMIZER]
    epochs = Epochs(1, 9, cuts=False) if strategy == "Hyperband" else None
    search = Search(_plan(strategy, *ranges, jobs=6, seed=seed, epochs=epochs), maximize=False)
    for number in range(6):
        values = search.propose(number)
        assert list(values) == [one.name for one in ranges]
        assert all(one.contains(values[one.name]) for one in ranges), values
        assert values["mini_batch_size"].isdecimal()
        search.tell(number, float(number) if number != 2 else None)


def test_same_seed_proposes_the_same() -> None:
    def proposals(seed: int) -> list[dict[str, str]]:
        search = Search(_plan("Bayesian", RATE, OPTIMIZER, seed=seed), maximize=False)
        found = []
        for number in range(12):
            found.append(search.propose(number))
            search.tell(number, (float(found[-1]["learning_rate"]) - 0.3) ** 2)
        return found

    assert proposals(5) == proposals(5)
    assert proposals(5) != proposals(6)


def test_scaling_types_shape_the_search() -> None:
    search = Search(_plan("Random", RATE, DECAY), maximize=False)
    found = [search.propose(number) for number in range(200)]
    assert sum(float(values["learning_rate"]) < 0.03 for values in found) == pytest.approx(100, abs=25)
    # On a reverse logarithmic scale half of the values of 1 - x, from 0.001 to 0.5, lie below their geometric mean.
    assert sum(1 - float(values["decay"]) < 0.0224 for values in found) == pytest.approx(100, abs=25)


def test_grid_tries_every_combination_once() -> None:
    search = Search(_plan("Grid", ACTIVATION, OPTIMIZER, jobs=6), maximize=True)
    found = []
    for number in range(6):
        found.append(tuple(search.propose(number).values()))
        search.tell(number, 1.0)
    assert found == [(a, o) for a in ACTIVATION.values for o in OPTIMIZER.values]


@pytest.mark.parametrize("maximize", [True, False])
def test_bayesian_search_approaches_the_optimum(maximize: bool) -> None:
    one = NumberRange("x", -1, 1, "Linear", is_integer=False)
    search = Search(_plan("Bayesian", one, jobs=30), maximize=maximize)
    found = []
    for number in range(30):
        found.append(float(search.propose(number)["x"]))
        search.tell(number, -((found[-1] - 0.3) ** 2) if maximize else (found[-1] - 0.3) ** 2)
    assert min(abs(x - 0.3) for x in found) < 0.05
    assert sum(abs(x - 0.3) < 0.3 for x in found[15:]) > sum(abs(x - 0.3) < 0.3 for x in found[:15])


def test_hyperband_stops_the_worse_trials() -> None:
    search = Search(_plan("Hyperband", RATE, jobs=20, epochs=Epochs(1, 9, cuts=False)), maximize=False)
    lasted = {}
    for number in range(20):
        search.propose(number)
        loss = 1.0 + number % 5
        for epoch in range(1, 9):
            lasted[number] = epoch
            if search.should_stop(number, epoch, loss):
                break
        search.tell(number, loss)
    worst = [lasted[number] for number in range(5, 20) if number % 5 == 4]
    best = [lasted[number] for number in range(20) if number % 5 == 0]
    assert set(best) == {8}
    assert sum(worst) < sum(best[1:])


def test_earlier_trials_count_if_they_fit_the_ranges() -> None:
    search = Search(_plan("Bayesian", RATE, OPTIMIZER), maximize=False)
    assert search.remember({"learning_rate": "0.01", "optimizer": "adam", "epochs": "3"}, 1.5)
    assert not search.remember({"learning_rate": "2", "optimizer": "adam"}, 1.5)
    assert not search.remember({"learning_rate": "0.01", "optimizer": "adagrad"}, 1.5)
    assert not search.remember({"learning_rate": "0.01"}, 1.5)
    search.propose(1)
    search.tell(1, 0.5)
    assert Search(_plan("Random", DECAY, BATCH), maximize=True).remember(
        {"decay": "0.999", "mini_batch_size": "16"}, 2.0
    )
