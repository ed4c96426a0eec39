"""Delivery from rules to queues, topics and functions that allow EventBridge, and to dead-letter queues otherwise."""

import json
from typing import Any

from tests.localcloud.support import ACCOUNT, REGION, SmallCloud, wait_for

ENTRY = {"Source": "targets", "DetailType": "Thing", "Detail": json.dumps({"a": {"b": [1, 2]}})}


def _queue(cloud: SmallCloud, name: str, *, lets_in: bool = True) -> tuple[str, str]:
    """Create a queue and return its URL and its ARN."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    attributes = {"Policy": json.dumps({"Statement": [_allow("sqs:SendMessage", arn)]})} if lets_in else {}
    return str(cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]), arn


def _allow(action: str, resource: str) -> dict[str, Any]:
    principal = {"Service": "events.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}


def _rule(cloud: SmallCloud, name: str, pattern: dict[str, Any], **target: Any) -> str:
    client = cloud.client("events")
    arn = str(client.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])
    client.put_targets(Rule=name, Targets=[{"Id": "target", **target}])
    return arn


def _messages(cloud: SmallCloud, url: str) -> list[dict[str, Any]]:
    answer = cloud.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def test_event_or_a_part_of_it_reaches_a_queue(cloud: SmallCloud) -> None:
    pattern = {"source": ["targets"]}
    for name, extra in (("whole", {}), ("part", {"InputPath": "$.detail.a.b"}), ("constant", {"Input": '{"x": 1}'})):
        _, arn = _queue(cloud, f"target-{name}")
        _rule(cloud, f"to-{name}", pattern, Arn=arn, **extra)
    url, shut = _queue(cloud, "target-shut", lets_in=False)
    _rule(cloud, "to-shut", pattern, Arn=shut)
    cloud.client("events").put_events(Entries=[ENTRY])
    bodies = {
        name: json.loads(_messages(cloud, f"{cloud.environ['AWS_ENDPOINT_URL']}/{ACCOUNT}/target-{name}")[0]["Body"])
        for name in ("whole", "part", "constant")
    }
    assert (bodies["whole"]["detail"], bodies["whole"]["account"]) == ({"a": {"b": [1, 2]}}, ACCOUNT)
    assert "ingestion-time" not in bodies["whole"]
    assert (bodies["part"], bodies["constant"]) == ([1, 2], {"x": 1})
    assert _messages(cloud, url) == []


def test_event_reaches_a_topic(cloud: SmallCloud) -> None:
    topic = cloud.client("sns").create_topic(Name="told-by-a-rule")["TopicArn"]
    policy = json.dumps({"Statement": [_allow("sns:Publish", topic)]})
    cloud.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    _rule(cloud, "to-topic", {"source": ["for-topic"]}, Arn=topic)
    cloud.client("events").put_events(Entries=[{**ENTRY, "Source": "for-topic"}])
    lines = [json.loads(line) for line in (cloud.state / "notifications.jsonl").read_text().splitlines()]
    (message,) = [line for line in lines if line["topic"] == topic]
    assert json.loads(message["message"])["source"] == "for-topic"


def test_undeliverable_event_goes_to_the_dead_letter_queue(cloud: SmallCloud) -> None:
    function = cloud.function("no-permission", {"index.py": "def handler(event, context): pass"})
    url, arn = _queue(cloud, "undelivered")
    rule = _rule(cloud, "to-nobody", {"source": ["for-nobody"]}, Arn=function, DeadLetterConfig={"Arn": arn})
    cloud.client("events").put_events(Entries=[{**ENTRY, "Source": "for-nobody"}])
    (letter,) = _messages(cloud, url)
    assert json.loads(letter["Body"])["source"] == "for-nobody"
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule, function)
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"


def test_stacks_announce_their_status(cloud: SmallCloud) -> None:
    url, arn = _queue(cloud, "stack-news")
    pattern = {"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Stack Status Change"]}
    _rule(cloud, "stack-news", pattern, Arn=arn)
    client = cloud.client("cloudformation")
    broken = {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": "none", "Endpoint": "x", "Protocol": "sqs"}}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "announced"}}

    def settled() -> str:
        def look() -> str | None:
            status = client.describe_stacks(StackName="announced")["Stacks"][0]["StackStatus"]
            return None if status.endswith("_IN_PROGRESS") else str(status)

        return wait_for(look)

    stack = client.create_stack(StackName="announced", TemplateBody=json.dumps({"Resources": {"Topic": topic}}))
    assert settled() == "CREATE_COMPLETE"
    client.update_stack(
        StackName="announced",
        TemplateBody=json.dumps({"Resources": {"Topic": topic, "Broken": broken}}),
        ClientRequestToken="the-token",
    )
    assert settled() == "UPDATE_ROLLBACK_COMPLETE"
    events = [event for event in _events(cloud, url) if event["detail"]["stack-id"] == stack["StackId"]]
    assert [event["detail"]["status-details"]["status"] for event in events] == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert "[Broken]" in events[3]["detail"]["status-details"]["status-reason"]
    assert {event["detail"]["client-request-token"] for event in events[2:]} == {"the-token"}
    assert events[0]["resources"] == [stack["StackId"]]


def _events(cloud: SmallCloud, url: str) -> list[dict[str, Any]]:
    """Return all events in a queue, in order of arrival."""
    found: list[dict[str, Any]] = []
    while messages := _messages(cloud, url):
        found += [json.loads(message["Body"]) for message in messages]
    return found
