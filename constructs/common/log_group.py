"""Log groups that are deleted with their stack."""

from typing import cast

from aws_cdk import RemovalPolicy, aws_logs

from constructs import Construct


def build_log_group(scope: Construct, id: str, *, retention_days: int) -> aws_logs.LogGroup:
    """Build a log group.

    Args:
        scope: Parent construct.
        id: Construct ID.
        retention_days: Retention, one of the values that CloudWatch Logs accepts.
    """
    log_group = aws_logs.LogGroup(scope, id, removal_policy=RemovalPolicy.DESTROY)
    # CDK's enumeration spells the values out; CloudFormation and environments/*.yaml count days.
    cast("aws_logs.CfnLogGroup", log_group.node.default_child).retention_in_days = retention_days
    return log_group
