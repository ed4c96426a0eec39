"""What a caller of the endpoint may do."""

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant


class EndpointCaller(Construct):
    """A policy to attach to whoever calls: who has it may send requests to this endpoint, and do nothing else.

    Attributes:
        policy: the policy.
    """

    def __init__(self, scope: Construct, id: str, *, endpoint_name: str) -> None:
        super().__init__(scope, id)
        self.policy = aws_iam.ManagedPolicy(self, "Policy", description=f"May send requests to {endpoint_name}")
        endpoint = Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=endpoint_name)
        grant(self.policy, actions=["sagemaker:InvokeEndpoint"], resources=[endpoint])
