"""CloudWatch metrics of pipeline runs and model approvals."""

from typing import Literal

from aws_cdk import Duration, aws_lambda, aws_sqs
from aws_cdk.aws_cloudwatch import Metric, Stats

_MINUTE = Duration.minutes(1)


def executions(pipeline_name: str, what: Literal["Started", "Succeeded", "Failed", "Stopped"]) -> Metric:
    """Return the number of executions of a pipeline with a status change.

    See "SageMaker pipelines metrics" in https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
    """
    return Metric(
        # AWS spells it like this, unlike the namespace of endpoints.
        namespace="AWS/Sagemaker/ModelBuildingPipeline",
        metric_name=f"Execution{what}",
        dimensions_map={"PipelineName": pipeline_name},
        statistic=Stats.SUM,
        period=_MINUTE,
    )


def invocations(function: aws_lambda.IFunction) -> Metric:
    """Return the number of invocations of a function."""
    return function.metric_invocations(statistic=Stats.SUM, period=_MINUTE)


def errors(function: aws_lambda.IFunction) -> Metric:
    """Return the number of invocations that failed."""
    return function.metric_errors(statistic=Stats.SUM, period=_MINUTE)


def waiting(queue: aws_sqs.IQueue) -> Metric:
    """Return the number of visible messages in a queue."""
    return queue.metric_approximate_number_of_messages_visible(statistic=Stats.MAXIMUM, period=_MINUTE)
