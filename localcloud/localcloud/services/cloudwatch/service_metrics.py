"""Metrics that services publish about themselves, without any role's permissions.

Names and dimensions:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
"""

from collections.abc import Mapping
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import unix_time_millis
from moto.sqs.models import Queue, sqs_backends

_QUEUES = "AWS/SQS"
_FUNCTIONS = "AWS/Lambda"
_PIPELINES = "AWS/Sagemaker/ModelBuildingPipeline"


def function_ran(account_id: str, region_name: str, function_name: str, seconds: float, *, failed: bool) -> None:
    """Publish the duration of an invocation and its failure, if any."""
    values = {
        "Invocations": (1.0, "Count"),
        "Errors": (float(failed), "Count"),
        "Duration": (seconds * 1000, "Milliseconds"),
    }
    _publish(account_id, region_name, _FUNCTIONS, {"FunctionName": function_name}, values)


def execution_changed(pipeline_arn: str, status: str) -> None:
    """Publish a pipeline execution's new status."""
    names = {
        "Executing": "ExecutionStarted",
        "Succeeded": "ExecutionSucceeded",
        "Failed": "ExecutionFailed",
        "Stopped": "ExecutionStopped",
    }
    if status in names:
        _, _, _, region, account, resource = pipeline_arn.split(":", 5)
        dimensions = {"PipelineName": resource.partition("/")[2]}
        _publish(account, region, _PIPELINES, dimensions, {names[status]: (1.0, "Count")})


def look_at_queues() -> None:
    """Publish the number and age of messages of every queue."""
    for account_id, account in list(sqs_backends.items()):
        for region_name, backend in list(account.items()):
            for queue in list(backend.queues.values()):
                _publish(account_id, region_name, _QUEUES, {"QueueName": queue.name}, _fullness(queue))


def _fullness(queue: Queue) -> Mapping[str, tuple[float, str]]:
    now = unix_time_millis()
    ages = [(now - float(message.sent_timestamp or now)) / 1000 for message in list(queue._messages)]
    return {
        "ApproximateNumberOfMessagesVisible": (float(queue.approximate_number_of_messages), "Count"),
        "ApproximateNumberOfMessagesNotVisible": (
            float(queue.approximate_number_of_messages_not_visible),
            "Count",
        ),
        "ApproximateAgeOfOldestMessage": (max(ages, default=0.0), "Seconds"),
    }


def _publish(
    account_id: str,
    region_name: str,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Mapping[str, tuple[float, str]],
) -> None:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    data: list[dict[str, Any]] = [
        {"MetricName": name, "Dimensions": named, "Value": value, "Unit": unit}
        for name, (value, unit) in values.items()
    ]
    cloudwatch_backends[account_id][region_name].put_metric_data(namespace, data)
