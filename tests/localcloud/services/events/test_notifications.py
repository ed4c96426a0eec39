"""Notifications: from the end of an execution through a stack's rule and a function to the topic's messages."""

import json
from typing import Any

from tests.localcloud.services.sagemaker.pipelines.support import lambda_step, make_pipeline, outcome, start
from tests.localcloud.support import ACCOUNT, REGION, SmallCloud, wait_for

TELL = """
import json, os, boto3

def handler(event, context):
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Subject=event["detail-type"], Message=json.dumps(event))
"""
BROKEN = "def handler(event, context):\n    raise ValueError('nothing usable')\n"


def _stack(cloud: SmallCloud, name: str, resources: dict[str, Any]) -> dict[str, str]:
    """Deploy resources and return their physical ids."""
    client = cloud.client("cloudformation")
    exists = any(stack["StackName"] == name for stack in client.describe_stacks()["Stacks"])
    change = client.update_stack if exists else client.create_stack
    change(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

    def look() -> dict[str, str] | None:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            assert "ROLLBACK" not in stack["StackStatus"], client.describe_stack_events(StackName=name)
            return None
        found = client.describe_stack_resources(StackName=name)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    return wait_for(look)


def _rule(function_arn: str, pattern: dict[str, Any]) -> dict[str, Any]:
    targets = [{"Id": "Target", "Arn": function_arn}]
    return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": targets}}


def _allow_events(function_arn: str) -> dict[str, Any]:
    properties = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": function_arn,
        "Principal": "events.amazonaws.com",
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def _messages(cloud: SmallCloud, topic: str) -> list[dict[str, Any]]:
    file = cloud.state / "notifications.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [message for message in map(json.loads, lines) if message["topic"] == topic]


def _topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def test_end_of_an_execution_is_published_to_a_topic(cloud: SmallCloud) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    teller = cloud.function("teller", {"index.py": TELL}, Environment={"Variables": {"TOPIC": topic}})
    broken = cloud.function("broken-step", {"index.py": BROKEN})
    make_pipeline(cloud, "telling", [lambda_step("Prepare", broken, {}, [])])
    pipeline_arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/telling"
    execution_rule = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
        "detail": {"currentPipelineExecutionStatus": ["Failed"], "pipelineArn": [pipeline_arn]},
    }
    step_rule = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Building Pipeline Execution Step Status Change"],
        "detail": {"currentStepStatus": ["Failed"], "pipelineArn": [pipeline_arn]},
    }
    email = {"Protocol": "email", "Endpoint": "somebody@example.com"}
    ids = _stack(
        cloud,
        "telling",
        {
            "Topic": _topic(TopicName="told", DisplayName="Told"),
            "Email": {"Type": "AWS::SNS::Subscription", "Properties": {**email, "TopicArn": {"Ref": "Topic"}}},
            "ExecutionRule": _rule(teller, execution_rule),
            "StepRule": _rule(teller, step_rule),
            "Permission": _allow_events(teller),
        },
    )
    assert ids["Topic"] == topic
    arn = start(cloud, "telling")
    outcome(cloud, arn)
    wait_for(lambda: len(_messages(cloud, topic)) == 2)
    messages = _messages(cloud, topic)
    told = {message["subject"]: json.loads(message["message"]) for message in messages}
    assert all(
        message["subscriptions"] == [{"protocol": "email", "endpoint": email["Endpoint"]}] for message in messages
    )
    execution = told["SageMaker Model Building Pipeline Execution Status Change"]
    assert execution["resources"] == [pipeline_arn, arn]
    assert execution["detail"]["pipelineExecutionArn"] == arn
    assert execution["detail"]["previousPipelineExecutionStatus"] == "Executing"
    assert execution["detail"]["executionStartTime"] <= execution["detail"]["executionEndTime"]
    step = told["SageMaker Model Building Pipeline Execution Step Status Change"]["detail"]
    assert (step["stepName"], step["stepType"], step["previousStepStatus"]) == ("Prepare", "Lambda", "Executing")
    assert "nothing usable" in step["failureReason"]


def test_topic_is_changed_in_place_and_deleted(cloud: SmallCloud) -> None:
    email = {"Protocol": "email", "Endpoint": "a@example.com"}
    subscription = {"Type": "AWS::SNS::Subscription", "Properties": {**email, "TopicArn": {"Ref": "Topic"}}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}
    policy = {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Statement": [deny]}},
    }
    before = _stack(cloud, "topic", {"Topic": _topic(DisplayName="Before"), "Email": subscription, "Policy": policy})
    after = _stack(cloud, "topic", {"Topic": _topic(DisplayName="After"), "Email": subscription, "Policy": policy})
    assert before == after
    client = cloud.client("sns")
    attributes = client.get_topic_attributes(TopicArn=after["Topic"])["Attributes"]
    assert attributes["DisplayName"] == "After"
    assert json.loads(attributes["Policy"])["Statement"] == [deny]
    (subscribed,) = client.list_subscriptions_by_topic(TopicArn=after["Topic"])["Subscriptions"]
    assert subscribed["SubscriptionArn"] == after["Email"]
    cloud.client("cloudformation").delete_stack(StackName="topic")
    topics = lambda: [topic["TopicArn"] for topic in client.list_topics()["Topics"]]  # noqa: E731
    wait_for(lambda: after["Topic"] not in topics())


def test_upload_to_a_stacks_bucket_invokes_a_function(cloud: SmallCloud) -> None:
    topic = cloud.client("sns").create_topic(Name="uploads")["TopicArn"]
    teller = cloud.function("upload-teller", {"index.py": TELL}, Environment={"Variables": {"TOPIC": topic}})
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["announcing"]}, "object": {"key": [{"prefix": "raw/"}]}},
    }
    announced = {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "announcing", **announced}},
        "Rule": _rule(teller, pattern),
        "Permission": _allow_events(teller),
    }
    _stack(cloud, "announcing", resources)
    s3 = cloud.client("s3")
    s3.put_object(Bucket="announcing", Key="other/a.csv", Body=b"x")
    s3.put_object(Bucket="announcing", Key="raw/a b.csv", Body=b"x")
    (message,) = wait_for(lambda: _messages(cloud, topic))
    event = json.loads(message["message"])
    assert event["detail"]["object"]["key"] == "raw/a b.csv"
    assert event["detail"]["bucket"] == {"name": "announcing"}
    silent = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "announcing"}}
    _stack(cloud, "announcing", {**resources, "Bucket": silent})
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="announcing")
