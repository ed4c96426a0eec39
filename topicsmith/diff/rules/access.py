"""Permissions that a change widens or narrows."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from topicsmith.diff.iam import exposure, grants
from topicsmith.diff.iam.grants import MANAGED_POLICY, Grant, Origin
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import StackPair

_ORDER = {"opened": 0, "widened": 10, "new": 20, "narrowed": 40}


@dataclass(frozen=True)
class _Shift:
    """Added or removed grant.

    Attributes:
        origin: Source of the grant.
        grant: Added or removed grant.
        came: True if it was added, False if it was removed.
        danger: Dangerous exposure that it causes; None if it is harmless.
    """

    origin: Origin
    grant: Grant
    came: bool
    danger: str | None

    @property
    def widens(self) -> bool:
        """True if the change widens access."""
        return self.came is (self.grant.effect == "Allow")


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the changes of a stack's permissions, grouped by the resource that they apply to or belong to."""
    shifts = sorted(_shifts(pair), key=lambda shift: (shift.origin.owner, shift.grant))
    alike: dict[Change, list[tuple[str, Change]]] = {}
    for owner, group in groupby(shifts, key=lambda shift: shift.origin.owner):
        logical_id = owner.removeprefix("${").removesuffix("}")
        for change in _changes(pair, owner, logical_id, list(group)):
            same = dataclasses.replace(change, resources=())
            alike.setdefault(same, []).append((pair.label(logical_id), change))
    for same, members in alike.items():
        labels = ", ".join(label for label, _ in members)
        resources = tuple(name for _, change in members for name in change.resources)
        yield dataclasses.replace(same, message=f"{labels}: {same.message}.", resources=resources)


def _shifts(pair: StackPair) -> Iterator[_Shift]:
    old, new = grants.read(pair.before), grants.read(pair.after)
    known = {name for grant in old for name in exposure.outsiders(grant)}
    for grant, origin in new.items():
        if grant not in old and not any(one.covers(grant) for one in old):
            yield _Shift(origin, grant, True, exposure.exposes(grant, account=pair.new.account, known=known))
    for grant, origin in old.items():
        if grant not in new and not any(one.covers(grant) for one in new):
            yield _Shift(origin, grant, False, None)


def _changes(pair: StackPair, owner: str, logical_id: str, shifts: Sequence[_Shift]) -> Iterator[Change]:
    """Yield the change of an owner's permissions; the caller prefixes its message with the owner's name."""
    resource = next((one for one in pair.resources if one.logical_id == logical_id), None)
    if resource and resource.is_gone:
        return
    is_new = resource is not None and resource.old is None
    # A new resource had no access that could be narrowed.
    reported = [shift for shift in shifts if shift.widens or not is_new]
    if not reported:
        return
    dangers = sorted({shift.danger for shift in reported if shift.danger})
    wider, narrower = (any(shift.widens is side for shift in reported) for side in (True, False))
    if dangers:
        what, rule = "; ".join(dangers), "opened"
    elif is_new:
        what, rule = "is new", "new"
    elif wider:
        what, rule = ("different access" if narrower else "wider access"), "widened"
        if any(shift.widens and "aws:SecureTransport" in shift.grant.condition for shift in reported):
            what += ", including access without TLS"
    else:
        what, rule = "narrower access", "narrowed"
    yield Change(
        risk=Risk.ACCESS,
        rule=rule,
        message=what,
        details=tuple(_lines(owner, reported)),
        exposes=bool(dangers),
        order=_ORDER[rule],
        resources=tuple(dict.fromkeys([logical_id, *(shift.origin.logical_id for shift in reported)])),
    )


def _lines(owner: str, shifts: Sequence[_Shift]) -> Iterator[str]:
    """Yield one line per principal and condition, widening ones first."""
    actions: dict[tuple[bool, bool, str, str, str, str], list[str]] = {}
    for shift in shifts:
        one = shift.grant
        resource = "it" if one.resource == owner else one.resource
        place = (not shift.widens, shift.came, one.effect, one.principal, one.condition, resource)
        actions.setdefault(place, []).append(one.action)
    resources: dict[tuple[bool, bool, str, str, str, tuple[str, ...]], list[str]] = {}
    for (narrows, came, effect, principal, condition, resource), names in sorted(actions.items()):
        resources.setdefault((narrows, came, effect, principal, condition, tuple(names)), []).append(resource)
    for (_, came, effect, principal, condition, what), where in resources.items():
        sign = "+" if came else "-"
        who = "" if principal == owner else f"{_principal_name(principal)} "
        verb = "may" if effect == "Allow" else "must not"
        when = f" if {condition}" if condition else ""
        if what == (MANAGED_POLICY,):
            yield f"{sign} has {MANAGED_POLICY} {', '.join(where)}"
        else:
            yield f"{sign} {who}{verb} {', '.join(what)} on {', '.join(where)}{when}"


def _principal_name(principal: str) -> str:
    return "everyone" if principal == "*" else principal.removeprefix("AWS:").removeprefix("Service:")
