"""Benefit of tuning: the best trial of an environment's tuning job against untuned hyperparameters."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from _bags import ROOT, Corpora, Values, preprocessed, start_training
from _common import command, console, result, show, spread

from localcloud.services.sagemaker.tuning.plan import Plan
from localcloud.services.sagemaker.tuning.ranges import read_ranges
from localcloud.services.sagemaker.tuning.search import Search
from ntm.common.hyperparameters import RECOMMENDED
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import load_environment

# The evaluation's key, heading and format of each metric.
MEASURES = (
    ("npmi", "NPMI", ".3f"),
    ("npmi_train", "NPMI in training documents", ".3f"),
    ("topic_uniqueness", "TU", ".3f"),
    ("c_v", "C_V", ".3f"),
    ("perplexity", "perplexity", ".0f"),
    ("seconds", "seconds", ".1f"),
)
RATIOS = ("perplexity", "seconds")
DEFAULTS, RECOMMENDED_VALUES, TUNED, LDA = "defaults", "recommended", "tuned", "LDA"

Scores = Mapping[str, float]


def main(
    corpus: Corpora = None,
    environment: Annotated[str, typer.Option(help="Environment to use: a file in environments/.")] = "dev",
    seeds: Annotated[int, typer.Option(help="Number of seeds, from 0, for search and training.", min=1)] = 3,
    k: Annotated[int | None, typer.Option(help="Number of topics. Default: the environment's.", min=2)] = None,
    objective: Annotated[str | None, typer.Option(help="Metric to tune by. Default: the environment's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Trials. Default: the environment's.", min=1)] = None,
) -> None:
    """Tune and train like the pipeline, and score on held-out documents.

    Compares final trainings with the environment's number of epochs: with the algorithm's defaults (the environment
    without tuning), with the package's recommended values (the defaults of the ntm command), and with the best trial
    of the search in the environment's ranges. Tuning uses only the training and validation splits; scores are of the
    test split, from the pipeline's evaluation, including its LDA baseline.

      tuning.py --seeds 1
      tuning.py --corpus reviews.csv --environment prod
    """
    config = load_environment(ROOT / "environments" / f"{environment}.yaml")
    objective = objective or config.tuning.objective
    runs: dict[str, dict[str, list[Scores]]] = {}
    with preprocessed(corpus) as folders:
        for name, folder in folders.items():
            runs[name] = defaultdict(list)
            for seed in range(seeds):
                fixed = {"num_topics": str(k or config.training.num_topics), "seed": str(seed)}
                given = {**config.training.hyperparameters.to_request(), **fixed}
                tuned = _tune(folder, config, given, seed, objective, jobs)
                contenders = {
                    DEFAULTS: given,
                    RECOMMENDED_VALUES: {**given, **{key: str(value) for key, value in RECOMMENDED.items()}},
                    TUNED: {**given, **tuned},
                    LDA: given,
                }
                for contender, values in contenders.items():
                    scores = result(start_training(folder, values, held_out=True, lda=contender == LDA))
                    runs[name][contender].append(scores)
                    figures = ", ".join(f"{heading} {scores[key]:{form}}" for key, heading, form in MEASURES)
                    console.print(f"{name} seed {seed} {contender}: {figures}", soft_wrap=True)
    _show(runs)


def _tune(
    folder: Path, config: EnvironmentConfig, given: Values, seed: int, objective: str, jobs: int | None
) -> Values:
    """Return the values of the best trial, with trials as in the environment's tuning jobs."""
    settings = config.tuning
    plan = Plan(
        strategy="Bayesian",
        ranges=read_ranges(_ranges_request(config)),
        jobs=jobs or settings.max_jobs,
        parallel=settings.parallel_jobs,
        stops_early=False,
        epochs=None,
        seed=seed,
    )
    sign = -1 if objective.endswith("_loss") else 1
    search = Search(plan, maximize=sign > 0)
    shorter = {**given, "epochs": str(settings.epochs), "sub_sample": str(settings.sample)}
    trials: list[tuple[float, Values]] = []
    for first in range(0, plan.jobs, plan.parallel):
        numbers = range(first, min(plan.jobs, first + plan.parallel))
        proposed = {number: search.propose(number) for number in numbers}
        started = {number: start_training(folder, {**shorter, **values}) for number, values in proposed.items()}
        for number, process in started.items():
            reached = result(process)[objective]
            search.tell(number, reached)
            trials.append((sign * reached, proposed[number]))
            values = ", ".join(f"{name} {value}" for name, value in proposed[number].items())
            console.print(f"  trial {number + 1}: {objective} {reached:.3f} with {values}", soft_wrap=True)
    return max(trials, key=lambda trial: trial[0])[1]


def _ranges_request(config: EnvironmentConfig) -> dict[str, list[Any]]:
    ranges = config.tuning.ranges.to_ranges()
    return {
        f"{kind}ParameterRanges": [one.to_request(name) for name, one in ranges.items() if one.kind == kind]
        for kind in ("Continuous", "Categorical", "Integer")
    }


def _show(runs: Mapping[str, Mapping[str, Sequence[Scores]]]) -> None:
    rows = [
        (name, corpus, *(spread([one[key] for one in scores], form) for key, _, form in MEASURES))
        for corpus, models in runs.items()
        for name, scores in models.items()
    ]
    headings = [heading for _, heading, _ in MEASURES]
    show("Median over seeds (minimum…maximum)", ["hyperparameters", "corpus", *headings], rows)
    rows = [
        (other, corpus, *(_compared(models[TUNED], models[other], key) for key, _, _ in MEASURES))
        for corpus, models in runs.items()
        for other in (DEFAULTS, RECOMMENDED_VALUES, LDA)
    ]
    headings = [f"{heading} {'ratio' if key in RATIOS else 'difference'}" for key, heading, _ in MEASURES]
    show("Tuned against each other, seed by seed: median (minimum…maximum)", ["against", "corpus", *headings], rows)


def _compared(ours: Sequence[Scores], theirs: Sequence[Scores], key: str) -> str:
    pairs = [(mine[key], other[key]) for mine, other in zip(ours, theirs, strict=True)]
    if key in RATIOS:
        return spread([mine / other for mine, other in pairs], ".2f")
    return spread([mine - other for mine, other in pairs], "+.3f")


if __name__ == "__main__":
    command(main)
