"""Managed policy for callers of the endpoint."""

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant


class EndpointInvokePolicy(Construct):
    """Managed policy that only allows invoking this endpoint.

    Attributes:
        policy: Managed policy to attach to callers.
    """

    def __init__(self, scope: Construct, id: str, *, endpoint_name: str) -> None:
        super().__init__(scope, id)
        # CloudFormation replaces the policy if its description changes.
        self.policy = aws_iam.ManagedPolicy(self, "Policy", description=f"May send requests to {endpoint_name}")
        endpoint = Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=endpoint_name)
        grant(self.policy, actions=["sagemaker:InvokeEndpoint"], resources=[endpoint])
