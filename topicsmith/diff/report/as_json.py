"""A report for a program; docs/diff.schema.json describes it."""

from typing import Any

from topicsmith.diff.compare import Report


def record(report: Report) -> dict[str, Any]:
    """Return a report as what JSON can hold."""
    return {
        "status": report.status,
        "dangerous": report.dangerous,
        "notes": list(report.notes),
        "changes": [
            {
                "risk": one.change.risk.name.lower(),
                "rule": one.change.rule,
                "dangerous": one.change.dangerous,
                "stacks": list(one.stacks),
                "resources": list(one.change.resources),
                "message": one.change.message,
                "details": list(one.change.details),
                "way_out": one.change.way_out,
            }
            for one in report.found
        ],
    }
