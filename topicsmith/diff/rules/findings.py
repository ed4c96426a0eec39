"""Violated rules of the app, which make ``cdk synth`` and ``cdk deploy`` fail.

The rules are cdk-nag's and the CDK's own; synth writes their findings beside the templates.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.model.pairs import StackPair

_REPORT = "validation-report.json"


def find(pair: StackPair, sides: Sides) -> Iterator[Change]:
    """Yield the rules that a stack newly violates."""
    after = _of_stack(sides.new, pair.new.path)
    before = _of_stack(sides.old, pair.old.path) if pair.old else {}
    for (rule, description), constructs in after.items():
        added = sorted(constructs - before.get((rule, description), set()))
        if added:
            yield Change(
                risk=Risk.ACCESS,
                rule="finding",
                message=f"Violates {rule}, so the deployment fails: {description}",
                details=tuple(added),
                way_out="Fix it, or acknowledge it in the construct that grants it, with the reason.",
                exposes=True,
                order=0,
            )


def has_findings(assembly: Path) -> bool:
    """Return True if an assembly is complete and synth failed only because of rule violations."""
    return (assembly / "manifest.json").is_file() and bool(_findings(assembly))


def _of_stack(assembly: Path | None, stack: str) -> dict[tuple[str, str], set[str]]:
    """Return the violations in a stack by rule and description, as construct paths relative to the stack."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule, paths in (_findings(assembly) if assembly else {}).items():
        if own := {path.removeprefix(f"{stack}/") for path in paths if path.startswith(f"{stack}/")}:
            found[rule] = own
    return found


def _findings(assembly: Path) -> Mapping[tuple[str, str], set[str]]:
    report = assembly / _REPORT
    if not report.is_file():
        return {}
    return {
        (violation["ruleName"], violation["description"]): {
            construct["constructPath"] for construct in violation["violatingConstructs"]
        }
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        # Warnings do not block a deployment.
        if violation["severity"] in ("error", "fatal")
    }
