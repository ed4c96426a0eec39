"""A log group that goes with its stack."""

from typing import cast

from aws_cdk import RemovalPolicy, aws_logs

from constructs import Construct


def build_log_group(scope: Construct, id: str, *, retention_days: int) -> aws_logs.LogGroup:
    """Build a log group.

    Args:
        scope: the parent.
        id: the id.
        retention_days: age at which log lines are deleted, one of the ages that CloudWatch Logs knows.
    """
    log_group = aws_logs.LogGroup(scope, id, removal_policy=RemovalPolicy.DESTROY)
    # CDK's enumeration names the ages in words; CloudFormation and environments/*.yaml count days.
    cast("aws_logs.CfnLogGroup", log_group.node.default_child).retention_in_days = retention_days
    return log_group
