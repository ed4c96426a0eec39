"""SageMaker's search strategies, implemented with Optuna."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState, create_trial

from localcloud.services.sagemaker.tuning.plan import Plan
from localcloud.services.sagemaker.tuning.ranges import ChoiceRange, NumberRange, Range

optuna.logging.set_verbosity(optuna.logging.WARNING)

# Hyperband keeps one in this many trials; SageMaker does not document its factor.
_HYPERBAND_FACTOR = 3
# Hyperband derives the brackets from the study's name: a constant one, so that only the seed matters.
_STUDY = "tuning"


class Search:
    """Search of one tuning job.

    Args:
        plan: The plan of the tuning job.
        maximize: Maximize the objective instead of minimizing it.
    """

    def __init__(self, plan: Plan, *, maximize: bool):
        self._ranges = plan.ranges
        self._distributions = {one.name: _distribution(one) for one in plan.ranges}
        self._trials: dict[int, Trial] = {}
        self._grid = _grid(plan.ranges) if plan.strategy == "Grid" else None
        pruner: BasePruner = NopPruner()
        if plan.epochs:
            pruner = HyperbandPruner(plan.epochs.least, plan.epochs.most, _HYPERBAND_FACTOR)
        self._study = optuna.create_study(
            study_name=_STUDY,
            sampler=_sampler(plan),
            pruner=pruner,
            direction="maximize" if maximize else "minimize",
        )

    def remember(self, values: Mapping[str, str], objective: float) -> bool:
        """Add a trial of an earlier tuning job; return False and skip it if its values are out of range."""
        if not all(one.name in values and one.contains(values[one.name]) for one in self._ranges):
            return False
        params = {one.name: _internal(one, values[one.name]) for one in self._ranges}
        self._study.add_trial(create_trial(params=params, distributions=self._distributions, value=objective))
        return True

    def propose(self, number: int) -> dict[str, str]:
        """Return the values of the trial with this number."""
        if self._grid is not None:
            self._study.enqueue_trial(next(self._grid))
        trial = self._study.ask(self._distributions)
        self._trials[number] = trial
        return {one.name: _text(one, trial.params[one.name]) for one in self._ranges}

    def should_stop(self, number: int, epoch: int, objective: float) -> bool:
        """Record a trial's objective after an epoch; return True if Hyperband stops the trial."""
        trial = self._trials[number]
        trial.report(objective, epoch)
        return trial.should_prune()

    def tell(self, number: int, objective: float | None) -> None:
        """Record the final value of a trial, None if it failed."""
        trial = self._trials.pop(number)
        if objective is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, objective)


def _sampler(plan: Plan) -> BaseSampler:
    if plan.strategy in ("Random", "Grid"):
        return RandomSampler(plan.seed)
    return TPESampler(n_startup_trials=max(2, min(10, plan.jobs // 3)), seed=plan.seed)


def _grid(ranges: Sequence[Range]) -> Iterator[dict[str, str]]:
    choices = [one for one in ranges if isinstance(one, ChoiceRange)]
    for values in itertools.product(*(one.values for one in choices)):
        yield dict(zip((one.name for one in choices), values, strict=True))


def _distribution(one: Range) -> BaseDistribution:
    if isinstance(one, ChoiceRange):
        return CategoricalDistribution(one.values)
    logarithmic = one.scale == "Logarithmic"
    if one.is_integer:
        return IntDistribution(int(one.low), int(one.high), log=logarithmic)
    if one.scale == "ReverseLogarithmic":  # Logarithmic in the distance from 1.
        return FloatDistribution(1 - one.high, 1 - one.low, log=True)
    return FloatDistribution(one.low, one.high, log=logarithmic)


def _text(one: Range, value: Any) -> str:
    if isinstance(one, ChoiceRange):
        return str(value)
    return one.text(min(max(1 - value, one.low), one.high) if _is_reversed(one) else value)


def _internal(one: Range, text: str) -> Any:
    if isinstance(one, ChoiceRange):
        return text
    if _is_reversed(one):
        return min(max(1 - float(text), 1 - one.high), 1 - one.low)
    return round(float(text)) if one.is_integer else float(text)


def _is_reversed(one: NumberRange) -> bool:
    return one.scale == "ReverseLogarithmic"
