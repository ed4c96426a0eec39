"""Resources that hold or serve something, and are deleted, left behind, replaced, or made anew under another id."""

from collections.abc import Iterator

from topicsmith.diff.model import conditions
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.names import kept_name
from topicsmith.diff.model.pairs import Resource, StackPair, keep_the_id
from topicsmith.diff.model.stateful import ANSWERS, content, holds_something
from topicsmith.diff.model.values import MISSING, Difference, hashes

_KEPT = {"Retain", "RetainExceptOnCreate"}
_EMPTIER = "Custom::S3AutoDeleteObjects"
NESTED = "AWS::CloudFormation::Stack"
"""A stack in a stack: only the hash of its template is here."""
_EMPTIED = "aws-cdk:auto-delete-objects"
_OR_MOVE = " Or move what is deployed: docs/diff.md."
_TAKEN = "The deployment fails before that: the name {name} is taken as long as the old one is there."
_REVIVE = "Where it is meant, save what it holds before."


def find(pair: StackPair) -> Iterator[Change]:
    """Yield what a stack loses."""
    if pair.is_another_stack:
        return
    for resource in pair.resources:
        if resource.old is None:
            continue
        if resource.type in ANSWERS or holds_something(resource.type, pair.impact.stateful):
            yield from _losses(pair, resource)
            yield from _weaker_policies(resource)
        if resource.type == NESTED and resource.new and hashes(resource.old) != hashes(resource.new):
            yield _unseen(resource)
        if resource.type == _EMPTIER:
            yield from _emptied(pair, resource)
    yield from _will_be_emptied(pair)


def _losses(pair: StackPair, resource: Resource) -> Iterator[Change]:
    if resource.is_gone:
        yield _gone(resource)
    elif resource.is_renamed:
        yield _renamed(resource)
    elif resource.is_replaced:
        yield _replaced(resource)
    else:
        yield from _conditional(pair, resource)


def _gone(resource: Resource) -> Change:
    if resource.type in ANSWERS:
        return _change(resource, "deleted", f"{resource.label} is deleted: {ANSWERS[resource.type]}.", way_out=_REVIVE)
    if resource.impact == "WILL_ORPHAN":
        message = (
            f"{resource.label} leaves the stack. It stays in the account with {content(resource.type)}, but nothing "
            "of the app uses, updates or protects it any more."
        )
        return _change(resource, "orphaned", message, way_out=_REVIVE)
    message = f"{resource.label} is deleted, and {content(resource.type)} with it."
    return _change(resource, "deleted", message, way_out=_REVIVE)


def _renamed(resource: Resource) -> Change:
    assert resource.old_place is not None
    old = resource.old_place.logical_id
    same_id = old == resource.logical_id
    what = "moves to another stack" if same_id else "gets another logical id"
    if resource.type in ANSWERS:
        then = f"CloudFormation makes another one and deletes this one: {ANSWERS[resource.type]} meanwhile"
    elif resource.impact == "WILL_ORPHAN":
        then = f"CloudFormation makes a new, empty one and leaves the old one behind with {content(resource.type)}"
    else:
        then = f"CloudFormation makes a new, empty one and deletes the old one with {content(resource.type)}"
    details = [f"{_old_path(resource)} → {resource.logical_id}"]
    if name := kept_name(resource.type, resource.before(), resource.after()):
        details.append(_TAKEN.format(name=name))
    return _change(
        resource,
        "moved" if same_id else "renamed",
        f"{resource.label} {what}: {then}.",
        details=tuple(details),
        way_out=keep_the_id(resource) + _OR_MOVE,
    )


def _replaced(resource: Resource) -> Change:
    certain = resource.impact == "WILL_REPLACE"
    names = ", ".join(resource.replacing) or "its type"
    message = (
        f"{resource.label} {'is' if certain else 'may be'} replaced by a new{_empty(resource)} one: {names} cannot be "
        f"changed in place{'' if certain else ' in every case'}. "
    )
    if resource.type in ANSWERS:
        message += f"Until the new one is there, {ANSWERS[resource.type]}."
    elif _policy(resource.new, "UpdateReplacePolicy") in _KEPT:
        message += f"The old one stays behind with {content(resource.type)}."
    else:
        message += f"The old one is deleted, and {content(resource.type)} with it."
    details = [str(one) for one in resource.differences if one.path[0] in resource.replacing]
    if name := kept_name(resource.type, resource.before(), resource.after()):
        details.append(_TAKEN.format(name=name))
    return _change(resource, "replaced", message, details=tuple(details), way_out="Leave that property as it is.")


def _empty(resource: Resource) -> str:
    return "" if resource.type in ANSWERS else ", empty"


def _unseen(resource: Resource) -> Change:
    message = f"{resource.label} has another template, which is not compared: {content(resource.type)} may be lost."
    return _change(resource, "nested", message, way_out="Compare it by itself: cdk diff shows nested stacks.")


def _conditional(pair: StackPair, resource: Resource) -> Iterator[Change]:
    """Yield that a resource comes to depend on a condition, or on another one, that is false or may be."""
    assert resource.old is not None
    assert resource.new is not None
    name = resource.new.get("Condition")
    before, after = (side.get("Conditions", {}) for side in (pair.before, pair.after))
    if name is None or (resource.old.get("Condition") == name and before.get(name) == after.get(name)):
        return
    value = conditions.holds(name, pair.old, pair.new)
    if value:
        return
    lost = ANSWERS.get(resource.type) or f"{content(resource.type)} is lost"
    if value is False:
        message = f"{resource.label} is deleted, since condition {name} does not hold: {lost}."
    else:
        message = f"{resource.label} is there only where condition {name} holds; where it does not, {lost}."
    details = (str(Difference(("Conditions", name), before.get(name, MISSING), after.get(name, MISSING))),)
    yield _change(resource, "conditional", message, details=details, way_out=_REVIVE)


def _weaker_policies(resource: Resource) -> Iterator[Change]:
    """Yield that what was kept on deletion or replacement is kept no longer."""
    if resource.new is None or resource.type in ANSWERS:
        return
    weaker = [
        Difference((key,), resource.old and resource.old.get(key, "Delete"), resource.new.get(key, "Delete"))
        for key in ("DeletionPolicy", "UpdateReplacePolicy")
        if _policy(resource.old, key) != "Delete" and _policy(resource.new, key) not in _KEPT
        if _policy(resource.old, key) != _policy(resource.new, key)
    ]
    if weaker:
        yield _change(
            resource,
            "removal-policy",
            f"{resource.label} is no longer kept when it leaves the stack or is replaced. Deleted with it: "
            f"{content(resource.type)}.",
            details=tuple(map(str, weaker)),
        )


def _policy(resource: dict[str, object] | None, key: str) -> object:
    return (resource or {}).get(key, "Delete")


def _emptied(pair: StackPair, resource: Resource) -> Iterator[Change]:
    """Yield that the CDK's custom resource is deleted while its bucket stays, and empties it.

    Its handler spares a bucket that does not have the tag: aws-cdk-lib, custom-resource-handlers,
    aws-s3/auto-delete-objects-handler.
    """
    if not (resource.is_gone or resource.is_renamed or resource.is_replaced):
        return
    bucket = next(
        (one for one in pair.resources if resource.before().get("BucketName") == f"${{{one.logical_id}}}"), None
    )
    if bucket is None or bucket.new is None or bucket.is_renamed or not _is_tagged(bucket):
        return
    yield _change(
        resource,
        "emptied",
        f"{bucket.label} is emptied: it stays, but the custom resource that empties it on deletion is deleted.",
        way_out=keep_the_id(resource) + _OR_MOVE,
    )


def _will_be_emptied(pair: StackPair) -> Iterator[Change]:
    """Yield that a bucket that was there comes to be emptied when it is deleted."""
    for resource in pair.resources:
        if resource.type != "AWS::S3::Bucket" or resource.old is None or resource.new is None:
            continue
        if _is_tagged(resource) and not _has_tag(resource.before()):
            yield _change(
                resource,
                "auto-delete",
                f"{resource.label} is emptied from now on when it leaves the stack: its objects are deleted with it.",
            )


def _is_tagged(bucket: Resource) -> bool:
    return _has_tag(bucket.after())


def _has_tag(properties: dict[str, object]) -> bool:
    tags = properties.get("Tags")
    return isinstance(tags, list) and {"Key": _EMPTIED, "Value": "true"} in tags


def _old_path(resource: Resource) -> str:
    assert resource.old_place is not None
    assert resource.old is not None
    path = resource.old.get("Metadata", {}).get("aws:cdk:path")
    return f"{resource.old_place.logical_id} ({path})" if path else resource.old_place.logical_id


def _change(
    resource: Resource, rule: str, message: str, *, details: tuple[str, ...] = (), way_out: str | None = None
) -> Change:
    return Change(
        risk=Risk.DATA,
        rule=rule,
        message=message,
        details=details,
        way_out=way_out,
        resources=(resource.logical_id,),
        order=0 if rule not in ("removal-policy", "auto-delete") else 1,
    )
