"""What has another text in the template, and about which no rule has anything to say."""

from collections.abc import Iterator, Sequence

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import StackPair


def find(pair: StackPair, told: Sequence[Change]) -> Iterator[Change]:
    """Yield the resources of a stack that are only written otherwise, so that none is passed over in silence.

    Args:
        pair: the stack.
        told: its other changes.
    """
    known = {name for change in told for name in change.resources}
    found = [one for one in pair.resources if one.impact != "NO_CHANGE" and one.logical_id not in known]
    # Beside a role that comes or goes, its policies are said with it.
    found = [one for one in found if one.old is not None and one.new is not None]
    if found:
        number = f"{len(found)} resource{'s' if len(found) > 1 else ''}"
        yield Change(
            risk=Risk.REST,
            rule="same",
            message=f"{number} written otherwise, or following another id, with the same effect.",
            details=tuple(one.label for one in found),
            order=9,
            resources=tuple(one.logical_id for one in found),
            folded=True,
        )
