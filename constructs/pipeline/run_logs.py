"""Saved query for the logs of a run."""

from collections.abc import Sequence

from aws_cdk import aws_lambda, aws_logs

from constructs import Construct

JOBS = ("TrainingJobs", "ProcessingJobs", "TransformJobs")
"""Kinds of jobs, each with a log group of SageMaker."""

_QUERY = """\
fields @timestamp, @log, @logStream, @message
# Put a run's id in the place of the dots; its jobs and their log streams are named after it.
| filter @logStream like "..." or @message like "..."
| sort @timestamp"""


class RunLogs(Construct):
    """CloudWatch Logs Insights query across the logs of all steps."""

    def __init__(self, scope: Construct, id: str, *, name: str, functions: Sequence[aws_lambda.Function]) -> None:
        super().__init__(scope, id)
        aws_logs.CfnQueryDefinition(
            self,
            "Query",
            name=f"{name}/run",
            query_string=_QUERY,
            log_group_names=[
                *(function.log_group.log_group_name for function in functions),
                *(f"/aws/sagemaker/{kind}" for kind in JOBS),
            ],
        )
