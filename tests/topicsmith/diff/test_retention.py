"""Shorter retention is a loss of data, longer retention is not."""

from typing import Any

import pytest

from tests.topicsmith.diff.support import Case, compare_all, resource
from topicsmith.diff.model.changes import Change, Risk


def _lifecycle(*rules: dict[str, Any]) -> dict[str, Any]:
    return resource(
        "AWS::S3::Bucket", LifecycleConfiguration={"Rules": [{"Status": "Enabled", **one} for one in rules]}
    )


def _days(prefix: str, days: int, **rest: Any) -> dict[str, Any]:
    return {"Prefix": prefix, "ExpirationInDays": days, **rest}


def _logs(**properties: Any) -> dict[str, Any]:
    return resource("AWS::Logs::LogGroup", **properties)


def _case(old: dict[str, Any], new: dict[str, Any]) -> Case:
    return Case({"Thing": old}, {"Thing": new})


_OLD_VERSIONS = {"NoncurrentVersionExpiration": {"NoncurrentDays": 90}}
_IMAGES = '{"rules": [{"selection": {"countNumber": 5}, "action": {"type": "expire"}}]}'

SOONER = {
    "fewer days": _case(_lifecycle(_days("bow/", 90)), _lifecycle(_days("bow/", 30))),
    "a new rule": _case(_lifecycle(), _lifecycle(_days("models/", 30))),
    "a wider prefix": _case(_lifecycle(_days("bow/", 30)), _lifecycle(_days("", 30))),
    "fewer filters": _case(
        _lifecycle(_days("", 30, TagFilters=[{"Key": "a", "Value": "b"}])), _lifecycle(_days("", 30))
    ),
    "an enabled rule": _case(_lifecycle(_days("a/", 1, Status="Disabled")), _lifecycle(_days("a/", 1))),
    "a date": _case(_lifecycle(), _lifecycle({"ExpirationDate": "2020-01-01"})),
    "old versions": _case(
        _lifecycle(_OLD_VERSIONS), _lifecycle({"NoncurrentVersionExpiration": {"NoncurrentDays": 7}})
    ),
    "logs": _case(_logs(RetentionInDays=365), _logs(RetentionInDays=7)),
    "logs that were for ever": _case(_logs(), _logs(RetentionInDays=3653)),
    "messages": _case(resource("AWS::SQS::Queue", MessageRetentionPeriod=1209600), resource("AWS::SQS::Queue")),
    "images": _case(
        resource("AWS::ECR::Repository"),
        resource("AWS::ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": _IMAGES}),
    ),
}
LATER = {
    "more days": _case(_lifecycle(_days("bow/", 30)), _lifecycle(_days("bow/", 90))),
    "no rule": _case(_lifecycle(_days("bow/", 30)), _lifecycle()),
    "another name": _case(_lifecycle(_days("bow/", 30, Id="A")), _lifecycle(_days("bow/", 30, Id="B"))),
    "covered already": _case(_lifecycle(_days("", 30)), _lifecycle(_days("", 30), _days("bow/", 90))),
    "logs for longer": _case(_logs(RetentionInDays=7), _logs(RetentionInDays=365)),
    "logs for ever": _case(_logs(RetentionInDays=7), _logs()),
}


@pytest.fixture(scope="module")
def changes() -> dict[str, list[Change]]:
    return compare_all({**SOONER, **LATER})


@pytest.mark.parametrize("name", SOONER)
def test_shorter_retention_is_a_loss(changes: dict[str, list[Change]], name: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule) == (Risk.DATA, "kept-shorter")
    assert change.details


@pytest.mark.parametrize("name", LATER)
def test_longer_retention_is_not_a_loss(changes: dict[str, list[Change]], name: str) -> None:
    (change,) = changes[name]
    assert change.risk is Risk.REST
    assert change.details


def test_resources_with_the_same_period_are_merged() -> None:
    old, new = ({name: _logs(RetentionInDays=days) for name in ("One", "Two")} for days in (365, 7))
    (change,) = compare_all({"both": Case(old, new)})["both"]
    assert change.message.startswith("LogGroup One, LogGroup Two:")
    assert change.details == ("RetentionInDays: 365 days → 7 days",)


def test_a_large_number_is_written_out(changes: dict[str, list[Change]]) -> None:
    assert changes["messages"][0].details == ("MessageRetentionPeriod: 1209600 seconds → 345600 seconds",)
