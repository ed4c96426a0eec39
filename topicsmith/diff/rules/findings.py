"""What breaks a rule that the app holds its templates against, so that ``cdk synth`` and ``cdk deploy`` refuse it.

The rules are cdk-nag's and CDK's own; synth writes what they find beside the templates.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.model.pairs import StackPair

_REPORT = "validation-report.json"


def find(pair: StackPair, sides: Sides) -> Iterator[Change]:
    """Yield the rules that a stack breaks and did not break before."""
    after = _of_stack(sides.new, pair.new.path)
    before = _of_stack(sides.old, pair.old.path) if pair.old else {}
    for (rule, description), constructs in after.items():
        added = sorted(constructs - before.get((rule, description), set()))
        if added:
            yield Change(
                risk=Risk.ACCESS,
                rule="finding",
                message=f"{rule} is broken, and the deployment refused: {description}",
                details=tuple(added),
                way_out="Mend it, or acknowledge it where it is granted, with the reason.",
                exposes=True,
                order=0,
            )


def has_findings(assembly: Path) -> bool:
    """Tell whether an assembly is whole, and synth ended with an error only because it breaks rules."""
    return (assembly / "manifest.json").is_file() and bool(_findings(assembly))


def _of_stack(assembly: Path | None, stack: str) -> dict[tuple[str, str], set[str]]:
    """Return what is broken within a stack: paths of constructs, as they are called in it, by rule and description."""
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
        # The app's warnings are no reason to refuse.
        if violation["severity"] in ("error", "fatal")
    }
