"""Shorter retention periods, including new expiry rules."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import Resource, StackPair
from topicsmith.diff.model.values import canonical, parsed

_BUCKET = "AWS::S3::Bucket"
_REPOSITORY = "AWS::ECR::Repository"
# Retention by property, and CloudFormation's default; None is forever.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
_PERIODS: Mapping[str, tuple[str, float | None]] = {
    "RetentionInDays": ("days", None),
    "MessageRetentionPeriod": ("seconds", 345600),
    "RetentionPeriodHours": ("hours", 24),
    "BackupRetentionPeriod": ("days", 1),
    "PendingWindowInDays": ("days before it is deleted", 30),
}


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the shorter retention periods of a stack."""
    both = [resource for resource in pair.resources if resource.old is not None and resource.new is not None]
    yield from _shorter_periods(both)
    for resource in both:
        yield from _sooner_objects(resource)
        yield from _expiring_images(resource)


def expires_sooner(resource: Resource) -> bool:
    """Return True if the retention period of a resource is shortened."""
    return any(_periods(resource)) or any(_sooner_objects(resource)) or any(_expiring_images(resource))


def _shorter_periods(resources: Sequence[Resource]) -> Iterator[Change]:
    """Yield the shortened periods, combining resources with equal changes."""
    together: dict[str, list[Resource]] = {}
    for resource in resources:
        for line in _periods(resource):
            together.setdefault(line, []).append(resource)
    for line, found in together.items():
        labels = ", ".join(resource.label for resource in found)
        yield _change(found, f"{labels}: old data is deleted sooner.", (line,))


def _periods(resource: Resource) -> Iterator[str]:
    for difference in (leaf for one in resource.differences for leaf in one.leaves()):
        if difference.path[-1] in _PERIODS:
            unit, default = _PERIODS[difference.path[-1]]
            old, new = (_number(side, default) for side in (difference.old, difference.new))
            if new is not None and (old is None or new < old):
                yield f"{difference.place}: {_period(old, unit)} → {_period(new, unit)}"


@dataclass(frozen=True)
class _Expiry:
    """Expiry of some of a bucket's objects after a number of days."""

    what: str
    prefix: str
    filters: frozenset[str]
    days: float

    def covers(self, other: "_Expiry") -> bool:
        """Return True if it applies to all objects that the other one applies to."""
        return self.what == other.what and other.prefix.startswith(self.prefix) and self.filters <= other.filters

    def __str__(self) -> str:
        rest = f" with {', '.join(sorted(self.filters))}" if self.filters else ""
        return f"{self.prefix or 'every object'}{rest}: {self.what}"


def _sooner_objects(resource: Resource) -> Iterator[Change]:
    """Yield the change of a bucket that deletes objects sooner.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    if resource.type != _BUCKET:
        return
    old, new = (list(_expiries(side.get("LifecycleConfiguration"))) for side in (resource.before(), resource.after()))
    details = []
    for rule in new:
        before = min((one.days for one in old if one.covers(rule)), default=None)
        if before is None or rule.days < before:
            details.append(f"{rule} after {_period(before, 'days')} → {_period(rule.days, 'days')}")
    if details:
        yield _change([resource], f"{resource.label} deletes objects sooner.", tuple(details))


def _expiries(configuration: Any) -> Iterator[_Expiry]:
    for rule in (configuration or {}).get("Rules", []):
        if rule.get("Status") != "Enabled":
            continue
        both = rule.get("Filter", {}).get("And", rule.get("Filter", {}))
        prefix = rule.get("Prefix") or both.get("Prefix") or ""
        filters = frozenset(
            canonical(one)
            for one in [
                *rule.get("TagFilters", []),
                *both.get("TagFilters", []),
                *({key: both[key]} for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if key in both),
            ]
        )
        old_versions = rule.get("NoncurrentVersionExpiration", {})
        for what, days in (
            ("deleted", _number(rule.get("ExpirationInDays"), None)),
            # A date in the past deletes immediately.
            ("deleted", 0.0 if "ExpirationDate" in rule else None),
            ("old versions deleted", _number(old_versions.get("NoncurrentDays"), None)),
            ("old versions deleted", _number(rule.get("NoncurrentVersionExpirationInDays"), None)),
        ):
            if days is not None:
                yield _Expiry(what, prefix, filters, days)


def _expiring_images(resource: Resource) -> Iterator[Change]:
    if resource.type != _REPOSITORY:
        return
    old, new = (_image_rules(side) for side in (resource.before(), resource.after()))
    if added := [rule for rule in new if rule not in old]:
        yield _change(
            [resource], f"{resource.label} deletes images that it kept; registered models need them.", tuple(added)
        )


def _image_rules(properties: Mapping[str, Any]) -> Sequence[str]:
    policy = parsed(properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText", "{}"))
    rules = policy.get("rules", []) if isinstance(policy, dict) else []
    return [json.dumps(rule.get("selection", rule), sort_keys=True).replace('"', "") for rule in rules]


def _number(value: Any, default: float | None) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def _period(value: float | None, unit: str) -> str:
    return "forever" if value is None else f"{value:.15g} {unit}"


def _change(resources: Sequence[Resource], message: str, details: tuple[str, ...]) -> Change:
    return Change(
        risk=Risk.DATA,
        rule="kept-shorter",
        message=message,
        details=details,
        order=3,
        resources=tuple(resource.logical_id for resource in resources),
    )
