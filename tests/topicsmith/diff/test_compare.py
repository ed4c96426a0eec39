"""Added, removed and renamed stacks, references between them, and equal changes of several environments."""

from dataclasses import replace
from typing import Any

from tests.topicsmith.diff.support import resource
from topicsmith.diff.compare import compare
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change
from topicsmith.diff.model.comparison import Sides

_BUCKET = resource("AWS::S3::Bucket")
_OUTPUT = {"OutputName": "PublishOutputX", "StackName": "topicsmith-dev-data", "Region": "eu-west-1"}


def _stack(part: str, resources: dict[str, Any], environment: str = "dev", **rest: Any) -> Stack:
    name = f"topicsmith-{environment}-{part}"
    return Stack(name, f"{environment}/{part}", None, "eu-west-1", {"Resources": resources, **rest})


def _changes(before: list[Stack], after: list[Stack]) -> list[Change]:
    return [one.change for one in compare(Sides(before=before, after=after)).found]


def _data(bucket: str) -> Stack:
    outputs = {"PublishOutputX": {"Value": {"Fn::GetAtt": [bucket, "Arn"]}}}
    return _stack("data", {bucket: _BUCKET}, Outputs=outputs)


def _reader() -> Stack:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::GetStackOutput": _OUTPUT}}
    policy = resource("AWS::IAM::Policy", PolicyDocument={"Statement": [statement]}, Roles=[{"Ref": "Role"}])
    return _stack("serving", {"Role": resource("AWS::IAM::Role"), "Policy": policy})


def test_identical_templates_have_no_changes() -> None:
    assert compare(Sides(before=[_data("B"), _reader()], after=[_data("B"), _reader()])).status == 0


def test_references_to_a_renamed_resource_of_another_stack_are_not_changes() -> None:
    lost, *rest = _changes([_data("Bucket"), _reader()], [_data("Storage"), _reader()])
    assert lost.rule == "renamed"
    assert not rest


def test_a_resource_that_moves_to_another_stack_is_lost() -> None:
    lost, *rest = _changes(
        [_data("Bucket"), _stack("more", {})], [_stack("data", {}), _stack("more", {"Bucket": _BUCKET})]
    )
    assert (lost.rule, lost.dangerous) == ("moved", True)
    assert "moves to another stack" in lost.message
    assert not any(change.dangerous for change in rest)


def test_a_removed_stack_names_its_successor() -> None:
    named = {"Pipeline": resource("AWS::SageMaker::Pipeline", PipelineName="topics"), "Bucket": _BUCKET}
    lost, new = _changes([_stack("training", named)], [_stack("train", named)])
    assert (lost.rule, new.rule) == ("stack-gone", "stack-new")
    assert any("topicsmith-dev-train has the same resources" in line for line in lost.details)
    assert any("Pipeline topics" in line for line in lost.details)
    assert lost.way_out == 'Keep the name: stack_name="topicsmith-dev-training".'


def test_a_stack_with_another_name_is_another_stack() -> None:
    old = _data("Bucket")
    (lost,) = _changes([replace(old, name="topics-data")], [old])
    assert (lost.rule, lost.dangerous) == ("stack-renamed", True)


def test_a_renamed_stack_reports_no_deletions() -> None:
    old, new = (
        {"Group": resource("AWS::SageMaker::ModelPackageGroup", ModelPackageGroupName=name)} for name in ("a", "b")
    )
    after = _stack("training", new)
    lost, *rest = _changes([replace(_stack("training", old), name="topics-training")], [after])
    assert lost.rule == "stack-renamed"
    assert [(one.rule, one.dangerous) for one in rest] == [("replaced", False)]
    (taken,) = _changes([replace(after, name="topics-training")], [after])
    assert any("ModelPackageGroup b" in line for line in taken.details)


def test_a_new_stack_is_one_line_except_for_opened_access() -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": "*"}
    policy = resource("AWS::S3::BucketPolicy", Bucket={"Ref": "B"}, PolicyDocument={"Statement": [statement]})
    closed = _stack("closed", {"B": _BUCKET, "Role": resource("AWS::IAM::Role")})
    opened = _stack("opened", {"B": _BUCKET, "Policy": policy})
    found = compare(Sides(before=[], after=[closed, opened])).found
    assert [(one.change.rule, one.change.dangerous, one.stacks) for one in found] == [
        ("opened", True, ("topicsmith-dev-opened",)),
        ("stack-new", False, ("topicsmith-dev-closed",)),
        ("stack-new", False, ("topicsmith-dev-opened",)),
    ]


def test_equal_changes_of_environments_are_merged() -> None:
    def stacks(part: str, days: dict[str, int]) -> list[Stack]:
        kind = "AWS::Logs::LogGroup"
        logs = {name: resource(kind, LogGroupName=name, RetentionInDays=day) for name, day in days.items()}
        return [_stack(part, {"Logs": group}, name) for name, group in logs.items()]

    before = [*stacks("alike", {"dev": 30, "prod": 30}), *stacks("apart", {"dev": 30, "prod": 30})]
    after = [*stacks("alike", {"dev": 7, "prod": 7}), *stacks("apart", {"dev": 14, "prod": 21})]
    found = compare(Sides(before=before, after=after)).found
    assert [one.stacks for one in found] == [
        ("topicsmith-dev-alike", "topicsmith-prod-alike"),
        ("topicsmith-dev-apart",),
        ("topicsmith-prod-apart",),
    ]


def test_adding_and_removing_mirror_each_other() -> None:
    alarm = {"Alarm": resource("AWS::CloudWatch::Alarm", Threshold=1)}
    before = [_stack("serving", alarm), _stack("serving", {}, "prod")]
    after = [_stack("serving", {}), _stack("serving", alarm, "prod")]
    gone, new = _changes(before, after)
    assert {gone.rule, new.rule} == {"gone", "new"}
    assert gone.message.rsplit(" is ", 1)[0] == new.message.rsplit(" is ", 1)[0]
