"""Resources that differ only in notation, with no effect on the deployment."""

from collections.abc import Iterator, Sequence

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import StackPair


def find(pair: StackPair, reported: Sequence[Change]) -> Iterator[Change]:
    """Yield the resources of a stack that differ only in notation; nothing is skipped silently.

    Args:
        pair: Versions of the stack.
        reported: Changes already reported for the stack.
    """
    known = {name for change in reported for name in change.resources}
    found = [one for one in pair.resources if one.impact != "NO_CHANGE" and one.logical_id not in known]
    # Policies of an added or removed role are reported with the role.
    found = [one for one in found if one.old is not None and one.new is not None]
    if found:
        number = f"{len(found)} resource{'s' if len(found) > 1 else ''}"
        yield Change(
            risk=Risk.REST,
            rule="same",
            message=f"{number} with changes in notation or references only: no effect.",
            details=tuple(one.label for one in found),
            order=9,
            resources=tuple(one.logical_id for one in found),
            folded=True,
        )
