"""Comparison shown before a promotion: metrics of the candidate and the served model, with the thresholds."""

from collections.abc import Sequence

from topicsmith.commands.evaluation import METRICS, number
from topicsmith.commands.models import place
from topicsmith.core import output
from topicsmith.core.output import Table
from topicsmith.models import gate
from topicsmith.models.gate import Threshold
from topicsmith.promotion.candidate import Candidate
from topicsmith.promotion.environments import Side
from topicsmith.promotion.served import Served
from topicsmith.runs.evaluation import Evaluation

_TITLES = {
    **{f"metrics.{name}": title for name, title in METRICS.items()},
    "against_baseline.npmi": "NPMI minus LDA's",
    "against_baseline.topic_uniqueness": "Uniqueness minus LDA's",
    "against_baseline.perplexity": "Perplexity / LDA's",
}


def comparison(
    source: Side, target: Side, chosen: Candidate, present: Served | None, thresholds: Sequence[Threshold]
) -> Table:
    """Return the table for a candidate that meets all thresholds."""
    serves = f"{target.name} serves {_name(present, target)}" if present else f"{target.name} serves nothing"
    columns = ("", f"{source.name} {chosen.model.version}", serves, f"gate of {target.name}")
    table = output.table(*columns, right=columns[1:3])
    asked = {threshold.path: threshold for threshold in thresholds}
    for path, title in _TITLES.items():
        value = _value(chosen.evaluation, path)
        if path in asked or (value and path.startswith("metrics.")):
            other = _value(present.evaluation, path) if present and present.evaluation else ""
            table.add_row(title, value, other, f"✓ {asked[path]}" if path in asked else "")
    now = present.model if present else None
    table.add_row("Run", *((model.run or "" if model else "") for model in (chosen.model, now)))
    table.add_row("Corpus", *(place(model.corpus) if model else "" for model in (chosen.model, now)))
    return table


def _name(present: Served, target: Side) -> str:
    return str(present.version) if present.owner == target.name else f"{present.owner} {present.version}"


def _value(evaluation: Evaluation, path: str) -> str:
    value = gate.value_at(evaluation, path)
    return "" if value is None else number(value)
