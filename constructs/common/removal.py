"""Removal policy of retained resources with a fixed name."""

from aws_cdk import RemovalPolicy


def removal_of_named(policy: RemovalPolicy) -> RemovalPolicy:
    """Return the policy, except that a rolled back first deployment deletes the resource.

    It would keep a retained one, and the next deployment would then fail, because the name is taken. See
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if policy is RemovalPolicy.RETAIN else policy
