"""Changes of entire stacks."""

from collections import Counter
from collections.abc import Iterator, Sequence

from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.names import kept_name
from topicsmith.diff.model.pairs import StackPair, successor
from topicsmith.diff.model.stateful import ANSWERS, holds_data


def gone(stack: Stack, came: Sequence[Stack]) -> Change:
    """Return the change of a stack that is no longer in the app.

    Args:
        stack: Stack that is gone.
        came: New stacks.
    """
    kinds = Counter(resource["Type"] for resource in stack.template.get("Resources", {}).values())
    held = {kind: count for kind, count in kinds.items() if holds_data(kind) or kind in ANSWERS}
    details = [f"It contains {_counted(held)}."] if held else []
    if likely := successor(stack, came):
        details.append(f"{likely.name} has the same resources, but a renamed stack is a new stack and starts empty.")
        details += _names_taken(stack, likely)
    return Change(
        risk=Risk.DATA,
        rule="stack-gone",
        message=f"Stack {stack.name} is no longer in the app. It stays deployed but is no longer updated.",
        details=tuple(details),
        way_out=_keep_the_name(stack)
        if likely
        else f"To delete it: aws cloudformation delete-stack --stack-name {stack.name}",
        order=0,
    )


def new(pair: StackPair) -> Change:
    """Return the summary of a new stack."""
    kinds = Counter(resource.type for resource in pair.resources)
    return Change(
        risk=Risk.REST,
        rule="stack-new",
        message=f"Stack {pair.new.name} is new, in {pair.new.place}, with {_counted(kinds)}.",
        order=0,
    )


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the changes of a stack outside its resources."""
    old, new = pair.old, pair.new
    if (old.account, old.region) != (new.account, new.region):
        yield _moved(old, new)
    else:
        yield from _deployed_by(old, new)
    if old.name != new.name:
        yield Change(
            risk=Risk.DATA,
            rule="stack-renamed",
            message=f"Stack {old.name} is now called {new.name}: that is a new stack, which starts empty. "
            "The old one stays deployed but is no longer updated.",
            details=tuple(_names_taken(old, new)),
            way_out=_keep_the_name(old),
            order=0,
        )
    if old.protected and not new.protected:
        yield Change(
            risk=Risk.DATA,
            rule="termination-protection",
            message="The stack loses its termination protection: it can be deleted with everything in it.",
            order=2,
        )
    if new.protected and not old.protected:
        yield Change(risk=Risk.REST, rule="termination-protection", message="Termination protection is enabled.")


def _moved(old: Stack, new: Stack) -> Change:
    where = f"{old.place} → {new.place}"
    # A newly named account may be the one that the credentials belong to.
    if old.region == new.region and None in (old.account, new.account):
        return Change(
            risk=Risk.BEHAVIOUR,
            rule="account",
            message=f"The stack moves to another account, unless the credentials belong to it: {where}. All of its "
            "resources would be created there, empty.",
            order=1,
        )
    return Change(
        risk=Risk.DATA,
        rule="stack-moved",
        message=f"The stack moves: {where}. All its resources are created there, empty; the deployed stack stays where "
        "it is but is no longer updated.",
        order=0,
    )


def _deployed_by(old: Stack, new: Stack) -> Iterator[Change]:
    roles = [
        f"{name}: {old.deployed_by.get(name, '—')} → {new.deployed_by.get(name, '—')}"
        for name in sorted({*old.deployed_by, *new.deployed_by})
        if old.deployed_by.get(name) != new.deployed_by.get(name)
    ]
    # Deployed stacks and stacks that did not exist do not name their deployment roles.
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
    """Return the conflict with the old stack, whose resources still use the new one's names."""
    names = [
        f"{resource['Type'].split('::')[-1]} {name}"
        for logical_id, resource in old.template["Resources"].items()
        if (after := new.template["Resources"].get(logical_id))
        and (name := kept_name(resource["Type"], resource.get("Properties", {}), after.get("Properties", {})))
    ]
    return [f"Its deployment fails until the old one is gone, which still has: {', '.join(names)}."] if names else []


def _counted(kinds: Counter[str] | dict[str, int]) -> str:
    counts = Counter[str]()
    for kind, count in kinds.items():
        counts[kind.split("::")[-1]] += count
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
