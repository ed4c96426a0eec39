"""Stateful resources and resources with callers that are deleted, left behind, replaced or recreated."""

from collections.abc import Iterator

from topicsmith.diff.model import conditions
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.names import kept_name
from topicsmith.diff.model.pairs import Resource, StackPair, keep_the_id
from topicsmith.diff.model.stateful import ANSWERS, content, holds_data
from topicsmith.diff.model.values import MISSING, Difference, hashes

_KEPT = {"Retain", "RetainExceptOnCreate"}
_EMPTIER = "Custom::S3AutoDeleteObjects"
NESTED = "AWS::CloudFormation::Stack"
"""Type of a nested stack; its template appears only as a hash."""
_EMPTIED = "aws-cdk:auto-delete-objects"
_OR_MOVE = " Or move the deployed resource: docs/diff.md."
_TAKEN = "The deployment fails before that: the old one still has the name {name}."
_REVIVE = "If this is intended, back up its contents first."


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the data and service losses in a stack."""
    if pair.is_another_stack:
        return
    for resource in pair.resources:
        if resource.old is None:
            continue
        if resource.type in ANSWERS or holds_data(resource.type, pair.impact.stateful):
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
        return _change(resource, "deleted", f"Deletes {resource.label}: {ANSWERS[resource.type]}.", way_out=_REVIVE)
    if resource.impact == "WILL_ORPHAN":
        message = (
            f"{resource.label} leaves the stack. It stays in the account with {content(resource.type)}, but the app no "
            "longer uses, updates or protects it."
        )
        return _change(resource, "orphaned", message, way_out=_REVIVE)
    message = f"Deletes {resource.label} and {content(resource.type)}."
    return _change(resource, "deleted", message, way_out=_REVIVE)


def _renamed(resource: Resource) -> Change:
    assert resource.old_place is not None
    old = resource.old_place.logical_id
    same_id = old == resource.logical_id
    what = "moves to another stack" if same_id else "gets another logical id"
    if resource.type in ANSWERS:
        then = f"CloudFormation creates a new one and deletes the old one; meanwhile {ANSWERS[resource.type]}"
    elif resource.impact == "WILL_ORPHAN":
        then = f"CloudFormation creates a new, empty one and leaves the old one behind with {content(resource.type)}"
    else:
        then = f"CloudFormation creates a new, empty one and deletes the old one with {content(resource.type)}"
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
        f"{resource.label} {'is' if certain else 'may be'} replaced by a new{_empty(resource)} one: {names} cannot "
        f"{'' if certain else 'always '}be changed in place. "
    )
    if resource.type in ANSWERS:
        message += f"Until the new one is ready, {ANSWERS[resource.type]}."
    elif _policy(resource.new, "UpdateReplacePolicy") in _KEPT:
        message += f"The old one stays behind with {content(resource.type)}."
    else:
        message += f"The old one is deleted with {content(resource.type)}."
    details = [str(one) for one in resource.differences if one.path[0] in resource.replacing]
    if name := kept_name(resource.type, resource.before(), resource.after()):
        details.append(_TAKEN.format(name=name))
    return _change(resource, "replaced", message, details=tuple(details), way_out="Leave the property unchanged.")


def _empty(resource: Resource) -> str:
    return "" if resource.type in ANSWERS else ", empty"


def _unseen(resource: Resource) -> Change:
    message = f"{resource.label} has a new template, which is not compared: {content(resource.type)} may be lost."
    return _change(resource, "nested", message, way_out="Compare it with cdk diff, which shows nested stacks.")


def _conditional(pair: StackPair, resource: Resource) -> Iterator[Change]:
    """Yield the change of a resource that newly depends on a condition that is or may be false."""
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
        message = f"Deletes {resource.label}, because condition {name} is false: {lost}."
    else:
        message = f"{resource.label} exists only if condition {name} is true; otherwise {lost}."
    details = (str(Difference(("Conditions", name), before.get(name, MISSING), after.get(name, MISSING))),)
    yield _change(resource, "conditional", message, details=details, way_out=_REVIVE)


def _weaker_policies(resource: Resource) -> Iterator[Change]:
    """Yield the change of a resource that is no longer retained on deletion or replacement."""
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
            f"{resource.label} is no longer retained: leaving the stack or a replacement deletes it with "
            f"{content(resource.type)}.",
            details=tuple(map(str, weaker)),
        )


def _policy(resource: dict[str, object] | None, key: str) -> object:
    return (resource or {}).get(key, "Delete")


def _emptied(pair: StackPair, resource: Resource) -> Iterator[Change]:
    """Yield the change of a bucket that stays but loses the custom resource that empties it on deletion.

    Its handler spares a bucket without the tag: aws-cdk-lib, custom-resource-handlers,
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
        f"Empties {bucket.label}: the bucket stays, but deleting the custom resource deletes its objects.",
        way_out=keep_the_id(resource) + _OR_MOVE,
    )


def _will_be_emptied(pair: StackPair) -> Iterator[Change]:
    """Yield the change of an existing bucket that is emptied on deletion from now on."""
    for resource in pair.resources:
        if resource.type != "AWS::S3::Bucket" or resource.old is None or resource.new is None:
            continue
        if _is_tagged(resource) and not _has_tag(resource.before()):
            yield _change(
                resource,
                "auto-delete",
                f"{resource.label} will be deleted with its objects when it leaves the stack.",
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
