"""What happens to whole stacks."""

from collections import Counter
from collections.abc import Iterator, Sequence

from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.names import kept_name
from topicsmith.diff.model.pairs import StackPair, successor
from topicsmith.diff.model.stateful import ANSWERS, holds_something


def gone(stack: Stack, came: Sequence[Stack]) -> Change:
    """Return what it means that a stack is no longer in the app.

    Args:
        stack: that is gone.
        came: the stacks that are new.
    """
    kinds = Counter(resource["Type"] for resource in stack.template.get("Resources", {}).values())
    held = {kind: count for kind, count in kinds.items() if holds_something(kind) or kind in ANSWERS}
    details = [f"It has {_counted(held)}."] if held else []
    if likely := successor(stack, came):
        details.append(f"{likely.name} has the same resources: renamed, it is another stack, which begins empty.")
        details += _names_taken(stack, likely)
    return Change(
        risk=Risk.DATA,
        rule="stack-gone",
        message=f"Stack {stack.name} is no longer in the app. It stays deployed, and nothing updates it any more.",
        details=tuple(details),
        way_out=_keep_the_name(stack)
        if likely
        else f"Where it is to go: aws cloudformation delete-stack --stack-name {stack.name}",
        order=0,
    )


def new(pair: StackPair) -> Change:
    """Return what a new stack has."""
    kinds = Counter(resource.type for resource in pair.resources)
    return Change(
        risk=Risk.REST,
        rule="stack-new",
        message=f"Stack {pair.new.name} is new, in {pair.new.place}, with {_counted(kinds)}.",
        order=0,
    )


def find(pair: StackPair) -> Iterator[Change]:
    """Yield what changes about a stack beside its resources."""
    old, new = pair.old, pair.new
    if (old.account, old.region) != (new.account, new.region):
        yield _moved(old, new)
    else:
        yield from _deployed_by(old, new)
    if old.name != new.name:
        yield Change(
            risk=Risk.DATA,
            rule="stack-renamed",
            message=f"Stack {old.name} is called {new.name} now: that is another stack, which begins empty. "
            f"The old one stays deployed, and nothing updates it any more.",
            details=tuple(_names_taken(old, new)),
            way_out=_keep_the_name(old),
            order=0,
        )
    if old.protected and not new.protected:
        yield Change(
            risk=Risk.DATA,
            rule="termination-protection",
            message="The stack loses its termination protection: it can be deleted with all that it has.",
            order=2,
        )
    if new.protected and not old.protected:
        yield Change(risk=Risk.REST, rule="termination-protection", message="Termination protection is switched on.")


def _moved(old: Stack, new: Stack) -> Change:
    where = f"{old.place} → {new.place}"
    # An account that is named now may well be the one that the credentials are of.
    if old.region == new.region and None in (old.account, new.account):
        return Change(
            risk=Risk.BEHAVIOUR,
            rule="account",
            message=f"Another account, unless the credentials are of it: {where}. There, all that the stack has would "
            "be made anew, and empty.",
            order=1,
        )
    return Change(
        risk=Risk.DATA,
        rule="stack-moved",
        message=f"The stack goes elsewhere: {where}. All that it has is made there anew, and empty; what is deployed "
        "stays where it is, and nothing updates it any more.",
        order=0,
    )


def _deployed_by(old: Stack, new: Stack) -> Iterator[Change]:
    roles = [
        f"{name}: {old.deployed_by.get(name, '—')} → {new.deployed_by.get(name, '—')}"
        for name in sorted({*old.deployed_by, *new.deployed_by})
        if old.deployed_by.get(name) != new.deployed_by.get(name)
    ]
    # Neither a deployed stack nor one that was not there says who deploys it.
    if roles and old.deployed_by:
        yield Change(
            risk=Risk.ACCESS,
            rule="deployed-by",
            message="The stack is deployed by another role.",
            details=tuple(roles),
            order=15,
        )


def _keep_the_name(stack: Stack) -> str:
    return f'Keep the name: stack_name="{stack.name}".'


def _names_taken(old: Stack, new: Stack) -> list[str]:
    """Return that the new stack cannot be deployed, since the old one has the names of its resources."""
    names = [
        f"{resource['Type'].split('::')[-1]} {name}"
        for logical_id, resource in old.template["Resources"].items()
        if (after := new.template["Resources"].get(logical_id))
        and (name := kept_name(resource["Type"], resource.get("Properties", {}), after.get("Properties", {})))
    ]
    return [f"Its deployment fails as long as the old one is there and has: {', '.join(names)}."] if names else []


def _counted(kinds: Counter[str] | dict[str, int]) -> str:
    counts = Counter[str]()
    for kind, count in kinds.items():
        counts[kind.split("::")[-1]] += count
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
