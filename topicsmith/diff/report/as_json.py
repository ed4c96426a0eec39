"""JSON report for programs, described by docs/diff.schema.json."""

from typing import Any

from topicsmith.diff.compare import Report


def record(report: Report) -> dict[str, Any]:
    """Return the report as a JSON-serializable object."""
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
