"""Execution roles of SageMaker jobs and models."""

from aws_cdk import ArnFormat, Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant


class SageMakerJobRole(aws_iam.Role):
    """Execution role that may write a container's log and its instances' metrics.

    These are the permissions that SageMaker requires of every execution role, scoped as narrowly as possible; see
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        log_group: str,
        metrics: str,
        role_name: str | None = None,
    ) -> None:
        """Create the role.

        Args:
            scope: Parent construct.
            id: Construct ID.
            description: Description of the role.
            log_group: Log group that SageMaker writes to, for example ``/aws/sagemaker/TrainingJobs``.
            metrics: Namespace of the metrics that SageMaker writes.
            role_name: Name of the role, if another account refers to it; CloudFormation generates one by default.
        """
        super().__init__(
            scope,
            id,
            role_name=role_name,
            description=description,
            assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        stack = Stack.of(self)
        group = stack.format_arn(
            service="logs", resource="log-group", resource_name=log_group, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        grant(
            self,
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[group, f"{group}:log-stream:*"],
            wildcard="SageMaker names a job's log streams after the job and its instances.",
        )
        grant(
            self,
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": metrics}},
            wildcard="PutMetricData knows no resources; the condition leaves it one namespace.",
        )
