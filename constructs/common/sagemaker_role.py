"""The roles that SageMaker assumes."""

from aws_cdk import ArnFormat, Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant


class SageMakerJobRole(aws_iam.Role):
    """A role for containers that SageMaker runs: it may write their log and their instances' metrics.

    What AWS asks of every such role, as narrow as it can be said; see
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
        """Make the role.

        Args:
            scope: the parent.
            id: the id.
            description: what runs with it.
            log_group: the log group that SageMaker writes, for example ``/aws/sagemaker/TrainingJobs``.
            metrics: the namespace of the metrics that SageMaker writes.
            role_name: the role's name, where another account names it; without it, CloudFormation makes one.
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
