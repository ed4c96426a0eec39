"""Event source mappings from queues to functions: deletion, redelivery and dead-letter queues."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import ACCOUNT, REGION, SmallCloud, wait_for

# Logs its event, fails on "broken", and reports every "not yet" as a failed item.
WORKER = """
import json

def handler(event, context):
    print(json.dumps(event))
    failed = [record["messageId"] for record in event["Records"] if record["body"] == "not yet"]
    if any(record["body"] == "broken" for record in event["Records"]):
        raise ValueError("broken")
    return {"batchItemFailures": [{"itemIdentifier": failed_id} for failed_id in failed]}
"""
POSTPONER = """
import boto3, os

def handler(event, context):
    (record,) = event["Records"]
    print(record["attributes"]["ApproximateReceiveCount"])
    boto3.client("sqs").change_message_visibility(
        QueueUrl=os.environ["QUEUE"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
    )
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
"""


def _queue(cloud: SmallCloud, name: str, **attributes: Any) -> str:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
    return str(cloud.client("sqs").create_queue(QueueName=name, Attributes=texts)["QueueUrl"])


def _arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _map(cloud: SmallCloud, queue: str, function: str, **more: Any) -> str:
    mapping = cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=_arn(queue), FunctionName=function, **more
    )
    return str(mapping["UUID"])


def _records(cloud: SmallCloud, function: str) -> list[dict[str, Any]]:
    lines = [line for line in cloud.log(f"/aws/lambda/{function}") if line.startswith("{")]
    return [record for line in lines for record in json.loads(line)["Records"]]


def _counts(cloud: SmallCloud, url: str) -> tuple[int, int]:
    """Return the numbers of visible and of in-flight messages."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, hidden = (int(attributes[name]) for name in names)
    return visible, hidden


def test_message_is_delivered_and_deleted(cloud: SmallCloud) -> None:
    cloud.function("reader", {"index.py": WORKER})
    url = _queue(cloud, "letters")
    sqs = cloud.client("sqs")
    uuid = _map(cloud, "letters", "reader")
    attribute = {"DataType": "String", "StringValue": "green"}
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes={"colour": attribute})
    (record,) = wait_for(lambda: _records(cloud, "reader"))
    assert record["messageId"] == sent["MessageId"]
    assert (record["body"], record["md5OfBody"]) == ("hello", sent["MD5OfMessageBody"])
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["colour"]["stringValue"] == "green"
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == (
        "aws:sqs",
        _arn("letters"),
        REGION,
    )
    wait_for(lambda: _counts(cloud, url) == (0, 0))
    mapping = cloud.client("lambda").get_event_source_mapping(UUID=uuid)
    wait_for(lambda: cloud.client("lambda").get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")
    assert mapping["State"] == "Enabled"


def test_failed_items_stay_and_processed_ones_are_deleted(cloud: SmallCloud) -> None:
    cloud.function("picker", {"index.py": WORKER})
    url = _queue(cloud, "mixed", VisibilityTimeout="900")
    sqs = cloud.client("sqs")
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(["done", "not yet", "done"])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    _map(cloud, "mixed", "picker", FunctionResponseTypes=["ReportBatchItemFailures"])
    wait_for(lambda: _counts(cloud, url) == (0, 1))
    assert [record["body"] for record in _records(cloud, "picker")] == ["done", "not yet", "done"]


def test_message_that_fails_too_often_goes_to_the_dead_letter_queue(cloud: SmallCloud) -> None:
    dead = _queue(cloud, "dead")
    redrive = {"deadLetterTargetArn": _arn("dead"), "maxReceiveCount": 3}
    url = _queue(cloud, "tried", VisibilityTimeout="30", RedrivePolicy=redrive)
    cloud.function("postponer", {"index.py": POSTPONER}, Environment={"Variables": {"QUEUE": url}})
    _map(cloud, "tried", "postponer", BatchSize=1, FunctionResponseTypes=["ReportBatchItemFailures"])
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="never")
    wait_for(lambda: _counts(cloud, dead)[0] == 1)
    assert sorted(filter(str.isdigit, cloud.log("/aws/lambda/postponer"))) == ["1", "2", "3"]
    assert _counts(cloud, url) == (0, 0)


def test_failed_invocation_leaves_its_messages_hidden(cloud: SmallCloud) -> None:
    cloud.function("breaker", {"index.py": WORKER})
    url = _queue(cloud, "breaking", VisibilityTimeout="900")
    uuid = _map(cloud, "breaking", "breaker")
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="broken")
    client = cloud.client("lambda")
    problem = "PROBLEM: Function call failed"
    wait_for(lambda: client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == problem)
    assert _counts(cloud, url) == (0, 1)


def test_deleted_mapping_receives_no_messages(cloud: SmallCloud) -> None:
    cloud.function("gone", {"index.py": WORKER})
    url = _queue(cloud, "left-alone")
    client = cloud.client("lambda")
    client.delete_event_source_mapping(UUID=_map(cloud, "left-alone", "gone"))
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="alone")
    wait_for(lambda: _counts(cloud, url) == (1, 0))
    assert _records(cloud, "gone") == []


@pytest.mark.parametrize(
    ("queue", "mapping", "complaint"),
    [
        ({"VisibilityTimeout": "4"}, {}, "Queue visibility timeout: 4 seconds is less than Function timeout: 30"),
        ({}, {"BatchSize": 11}, "BatchSize is 11; the local cloud allows 1 to 10"),
        ({}, {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "does not filter"),
    ],
)
def test_invalid_mapping_is_refused(
    cloud: SmallCloud, queue: dict[str, str], mapping: dict[str, Any], complaint: str
) -> None:
    name = f"refused-{len(complaint)}"
    cloud.function(name, {"index.py": WORKER})
    _queue(cloud, name, **queue)
    with pytest.raises(ClientError, match=complaint):
        _map(cloud, name, name, **mapping)
    assert cloud.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []


def test_no_message_is_lost_among_many_senders_and_receivers(cloud: SmallCloud) -> None:
    url = _queue(cloud, "busy", VisibilityTimeout="900")
    received: list[str] = []

    def send(sender: int) -> None:
        client = cloud.client("sqs")
        for number in range(3):
            entries = [{"Id": str(item), "MessageBody": f"{sender}-{number}-{item}"} for item in range(10)]
            client.send_message_batch(QueueUrl=url, Entries=entries)

    def receive() -> None:
        client = cloud.client("sqs")
        while len(received) < 120:
            got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
            received.extend(message["Body"] for message in got)
            for message in got:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    threads += [threading.Thread(target=receive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(received) == sorted(
        f"{sender}-{number}-{item}" for sender in range(4) for number in range(3) for item in range(10)
    )
    assert _counts(cloud, url) == (0, 0)


QUEUE_RESOURCES: dict[str, Any] = {
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "VisibilityTimeout": 30,
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 8},
        },
    },
    "Policy": {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [{"Ref": "Queue"}],
            "PolicyDocument": {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}},
                    }
                ]
            },
        },
    },
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["tests"]},
            "Targets": [{"Id": "Queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
        },
    },
    "Mapping": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "FunctionName": "stacked-reader",
            "BatchSize": 1,
            "ScalingConfig": {"MaximumConcurrency": 2},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    },
}


def _deploy(cloud: SmallCloud, resources: dict[str, Any]) -> list[str]:
    """Deploy a stack and return the logical ids of the changed resources."""
    client = cloud.client("cloudformation")
    exists = any(stack["StackName"] == "queues" for stack in client.describe_stacks()["Stacks"])
    before = len(client.describe_stack_events(StackName="queues")["StackEvents"]) if exists else 0
    change = client.update_stack if exists else client.create_stack
    change(StackName="queues", TemplateBody=json.dumps({"Resources": resources}))

    def look() -> bool:
        status = client.describe_stacks(StackName="queues")["Stacks"][0]["StackStatus"]
        assert "ROLLBACK" not in status, client.describe_stack_events(StackName="queues")
        return bool(status.endswith("_COMPLETE"))

    wait_for(look)
    events = client.describe_stack_events(StackName="queues")["StackEvents"]
    touched = events[: len(events) - before]
    return sorted({event["LogicalResourceId"] for event in touched} - {"queues"})


def test_events_reach_a_function_through_a_stacks_queue(cloud: SmallCloud) -> None:
    cloud.function("stacked-reader", {"index.py": WORKER})
    assert _deploy(cloud, QUEUE_RESOURCES) == sorted(QUEUE_RESOURCES)
    entry = {"Source": "tests", "DetailType": "Something happened", "Detail": json.dumps({"what": "this"})}
    cloud.client("events").put_events(Entries=[entry])
    (record,) = wait_for(lambda: _records(cloud, "stacked-reader"))
    event = json.loads(record["body"])
    assert (event["source"], event["detail-type"], event["detail"]) == ("tests", "Something happened", {"what": "this"})
    assert event["time"].endswith("Z")

    properties = {"VisibilityTimeout": 60}
    changed = {**QUEUE_RESOURCES, "Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}
    assert _deploy(cloud, changed) == ["Queue"]
    described = cloud.client("cloudformation").describe_stack_resource(StackName="queues", LogicalResourceId="Queue")
    queue = described["StackResourceDetail"]["PhysicalResourceId"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "60"
    assert "RedrivePolicy" not in attributes
    cloud.client("events").put_events(Entries=[entry])  # The queue still has its policy.
    wait_for(lambda: len(_records(cloud, "stacked-reader")) == 2)

    changed.pop("Mapping")
    assert _deploy(cloud, changed) == ["Mapping"]
    mappings = cloud.client("lambda").list_event_source_mappings(FunctionName="stacked-reader")
    assert mappings["EventSourceMappings"] == []
    cloud.client("events").put_events(Entries=[entry])
    wait_for(lambda: _counts(cloud, queue) == (1, 0))
    changed.pop("Policy")
    _deploy(cloud, changed)
    cloud.client("events").put_events(Entries=[entry])  # The queue no longer allows EventBridge.
    wait_for(lambda: _counts(cloud, queue) == (1, 0))
    cloud.client("cloudformation").delete_stack(StackName="queues")
    wait_for(lambda: "queues" not in [stack["StackName"] for stack in _stacks(cloud)])
    assert [name for name in cloud.client("sqs").list_queues().get("QueueUrls", []) if "/queues-" in name] == []
    rules = cloud.client("events").list_rules(NamePrefix="queues-")["Rules"]
    assert rules == []


def _stacks(cloud: SmallCloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return found
