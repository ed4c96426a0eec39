"""Stacks with a service role: CloudFormation acts with the role's permissions, not with the caller's."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import ACCOUNT, REGION, SmallCloud, wait_for

_ALARM = {
    "MetricName": "CPUUtilization",
    "Namespace": "AWS/EC2",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "Period": 60,
    "Statistic": "Average",
    "Threshold": 1,
}
_ALARM_ACTIONS = ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"]
_ALARM_ACTIONS += ["cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"]


def _allow(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


class Stacks:
    """Stacks of one alarm, and roles for them."""

    def __init__(self, cloud: SmallCloud):
        self.cloud = cloud
        self.name = f"served-{uuid.uuid4().hex[:8]}"
        self.client = cloud.client("cloudformation")

    def role(self, *statements: Mapping[str, Any], service: str = "cloudformation.amazonaws.com") -> str:
        name = f"role-{uuid.uuid4().hex[:8]}"
        arn = self.cloud.role(name, service)
        if statements:
            self.allow(arn, *statements)
        return arn

    def allow(self, role_arn: str, *statements: Mapping[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        name = role_arn.rpartition("/")[2]
        self.cloud.client("iam").put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document)

    def template(self, **properties: Any) -> str:
        alarm = {"AlarmName": self.name, **_ALARM, **properties}
        return json.dumps({"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}})

    def settled(self) -> str:
        def look() -> str | None:
            (stack,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else str(stack["StackStatus"])

        return str(wait_for(look))

    def reasons(self) -> str:
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)


@pytest.fixture
def stacks(cloud: SmallCloud) -> Stacks:
    return Stacks(cloud)


def _alarms(name: str) -> list[Mapping[str, Any]]:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    return [_allow(_ALARM_ACTIONS, arn), _allow("cloudwatch:DescribeAlarms")]


def test_a_role_that_cannot_be_assumed_is_refused(stacks: Stacks) -> None:
    for role in (f"arn:aws:iam::{ACCOUNT}:role/missing", stacks.role(service="lambda.amazonaws.com")):
        calls: list[Callable[..., Any]] = [
            stacks.client.create_stack,
            lambda **given: stacks.client.create_change_set(ChangeSetName="change", ChangeSetType="CREATE", **given),
        ]
        for call in calls:
            with pytest.raises(ClientError, match=f"Role {role} is invalid or cannot be assumed"):
                call(StackName=stacks.name, TemplateBody=stacks.template(), RoleARN=role)
    with pytest.raises(ClientError, match="does not exist"):
        stacks.client.describe_stacks(StackName=stacks.name)


def test_the_roles_permissions_decide_and_it_stays_with_the_stack(stacks: Stacks) -> None:
    role = stacks.role(*_alarms(stacks.name))
    stacks.client.create_stack(StackName=stacks.name, TemplateBody=stacks.template(), RoleARN=role)
    assert stacks.settled() == "CREATE_COMPLETE", stacks.reasons()
    assert stacks.client.describe_stacks(StackName=stacks.name)["Stacks"][0]["RoleARN"] == role

    # The administrator who updates the stack without naming a role has no more rights than the stack's.
    stacks.allow(role, _allow("cloudwatch:DescribeAlarms"))
    stacks.client.update_stack(StackName=stacks.name, TemplateBody=stacks.template(Threshold=2))
    assert stacks.settled() == "UPDATE_ROLLBACK_FAILED"
    session = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/AWSCloudFormation"
    assert f"{session} is not authorized to perform: cloudwatch:PutMetricAlarm on resource: " in stacks.reasons()
    assert "(HandlerErrorCode: AccessDenied)" in stacks.reasons()

    stacks.allow(role, *_alarms(stacks.name))
    stacks.client.continue_update_rollback(StackName=stacks.name)
    assert stacks.settled() == "UPDATE_ROLLBACK_COMPLETE"
    other = stacks.role(*_alarms("another"))
    stacks.client.update_stack(StackName=stacks.name, TemplateBody=stacks.template(Threshold=3), RoleARN=other)
    assert stacks.settled() == "UPDATE_ROLLBACK_FAILED"
    stacks.client.continue_update_rollback(StackName=stacks.name, RoleARN=role)
    assert stacks.settled() == "UPDATE_ROLLBACK_COMPLETE"
    stacks.client.delete_stack(StackName=stacks.name, RoleARN=other)
    assert stacks.settled() == "DELETE_FAILED"
    stacks.client.delete_stack(StackName=stacks.name, RoleARN=role)
    wait_for(lambda: stacks.name not in _names(stacks))


def _names(stacks: Stacks) -> list[str]:
    summaries = stacks.client.list_stacks()["StackSummaries"]
    return [one["StackName"] for one in summaries if one["StackStatus"] != "DELETE_COMPLETE"]


def test_a_change_sets_role_is_used(stacks: Stacks) -> None:
    role = stacks.role(*_alarms("another"))
    request = {"StackName": stacks.name, "ChangeSetName": "change"}
    stacks.client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=stacks.template(), RoleARN=role)
    stacks.client.execute_change_set(**request)
    assert stacks.settled() == "ROLLBACK_COMPLETE"
    assert "not authorized to perform: cloudwatch:PutMetricAlarm" in stacks.reasons()


def test_tags_are_condition_keys(stacks: Stacks) -> None:
    described = _allow("cloudwatch:DescribeAlarms")
    requested = {"StringEquals": {"aws:RequestTag/team": "a"}}
    existing = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    reading = ["cloudwatch:ListTagsForResource"]
    role = stacks.role(
        described,
        _allow(["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"], Condition=requested),
        _allow(["cloudwatch:DeleteAlarms", *reading], Condition=existing),
        _allow(reading, Condition=requested),
    )
    tagged = stacks.template(Tags=[{"Key": "team", "Value": "a"}])
    stacks.client.create_stack(StackName=stacks.name, TemplateBody=stacks.template(), RoleARN=role)
    assert stacks.settled() == "ROLLBACK_COMPLETE"
    stacks.client.delete_stack(StackName=stacks.name)
    wait_for(lambda: stacks.name not in _names(stacks))
    stacks.client.create_stack(StackName=stacks.name, TemplateBody=tagged, RoleARN=role)
    assert stacks.settled() == "CREATE_COMPLETE", stacks.reasons()
    stacks.client.delete_stack(StackName=stacks.name)
    wait_for(lambda: stacks.name not in _names(stacks))


def test_an_output_of_another_stack_is_read_with_the_roles_permissions(stacks: Stacks, cloud: SmallCloud) -> None:
    producer = f"{stacks.name}-producer"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {}}
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}}
    stacks.client.create_stack(
        StackName=producer, TemplateBody=json.dumps({"Resources": {"Queue": queue}, "Outputs": outputs})
    )
    reference = {"Fn::GetStackOutput": {"StackName": producer, "OutputName": "Name"}}
    role = stacks.role(*_alarms(stacks.name))
    template = stacks.template(AlarmDescription=reference)
    stacks.client.create_stack(StackName=stacks.name, TemplateBody=template, RoleARN=role)
    assert stacks.settled() == "ROLLBACK_COMPLETE"
    assert f"cloudformation:DescribeStacks on resource: arn:aws:cloudformation:{REGION}:{ACCOUNT}" in stacks.reasons()
    stacks.client.delete_stack(StackName=stacks.name)
    wait_for(lambda: stacks.name not in _names(stacks))
    reading = _allow("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{producer}/*")
    stacks.allow(role, *_alarms(stacks.name), reading)
    stacks.client.create_stack(StackName=stacks.name, TemplateBody=template, RoleARN=role)
    assert stacks.settled() == "CREATE_COMPLETE", stacks.reasons()
    for name in (stacks.name, producer):
        stacks.client.delete_stack(StackName=name)
