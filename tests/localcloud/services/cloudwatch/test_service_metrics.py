"""Metrics that services publish: functions, pipelines and queues."""

import json
from datetime import UTC, datetime, timedelta

from tests.localcloud.services.sagemaker.pipelines.support import lambda_step, make_pipeline, outcome, start
from tests.localcloud.support import SmallCloud, wait_for

SOMETIMES = "def handler(event, context):\n    if event.get('fail'):\n        raise ValueError('no')\n"


def _sum(cloud: SmallCloud, namespace: str, metric: str, dimension: str, value: str, stat: str = "Sum") -> float | None:
    now = datetime.now(UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[stat],
    )["Datapoints"]
    return float(points[0][stat]) if points else None


def test_functions_count_invocations_and_errors(cloud: SmallCloud) -> None:
    cloud.function("counted", {"index.py": SOMETIMES})
    for fail in (False, True, False):
        cloud.client("lambda").invoke(FunctionName="counted", Payload=json.dumps({"fail": fail}))
    counted = ("FunctionName", "counted")
    assert _sum(cloud, "AWS/Lambda", "Invocations", *counted) == 3
    assert _sum(cloud, "AWS/Lambda", "Errors", *counted) == 1
    assert (_sum(cloud, "AWS/Lambda", "Duration", *counted, stat="Minimum") or 0) > 0


def test_pipelines_count_executions(cloud: SmallCloud) -> None:
    function = cloud.function("failing-step", {"index.py": SOMETIMES})
    make_pipeline(cloud, "counted", [lambda_step("Step", function, {"fail": True}, [])])
    outcome(cloud, start(cloud, "counted"))
    space, dimension = "AWS/Sagemaker/ModelBuildingPipeline", ("PipelineName", "counted")
    assert _sum(cloud, space, "ExecutionStarted", *dimension) == 1
    wait_for(lambda: _sum(cloud, space, "ExecutionFailed", *dimension) == 1)
    assert _sum(cloud, space, "ExecutionSucceeded", *dimension) is None


def test_queues_publish_their_length(cloud: SmallCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="filling")["QueueUrl"]
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": name, "MessageBody": name} for name in "abc"])
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)
    filling = ("QueueName", "filling")
    visible, hidden = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
    wait_for(lambda: _sum(cloud, "AWS/SQS", hidden, *filling, stat="Maximum") == 1)
    assert _sum(cloud, "AWS/SQS", visible, *filling, stat="Maximum") in (2, 3)
