"""Triggers of runs, notifications of failed runs, and logs."""

import json
from pathlib import Path

import pytest

from tests.synth.assembly import Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment


@pytest.fixture
def short(variants: Path) -> Deployment:
    """An environment with triggers and a recipient of notifications."""
    return Deployment(Assembly(variants), "short")


def _rule(deployment: Deployment, name: str) -> JsonObject:
    rules = deployment.resources("training", "AWS::Events::Rule")
    (rule,) = (rule["Properties"] for logical_id, rule in rules.items() if logical_id.startswith(name))
    assert isinstance(rule, dict)
    return rule


def test_runs_start_only_manually_by_default(deployment: Deployment) -> None:
    rules = deployment.resources("training", "AWS::Events::Rule")
    assert [name for name in rules if name.startswith("Trigger")] == []
    buckets = deployment.resources("data", "AWS::S3::Bucket").values()
    assert all("NotificationConfiguration" not in bucket["Properties"] for bucket in buckets)


def test_an_upload_below_raw_starts_a_run(short: Deployment) -> None:
    (bucket,) = (name for name in short.resources("data", "AWS::S3::Bucket") if name.startswith("DataBucket"))
    assert _rule(short, "TriggerUploaded")["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket.lower()]}, "object": {"key": [{"prefix": "raw/"}]}},
    }
    properties = short.resources("data", "AWS::S3::Bucket")[bucket]["Properties"]
    assert properties["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_a_schedule_starts_a_run_on_its_corpus(short: Deployment) -> None:
    rule = _rule(short, "TriggerScheduled")
    assert rule["ScheduleExpression"] == "rate(7 days)"
    (target,) = rule["Targets"]
    assert json.loads(target["Input"])["corpus"].endswith("/raw/reviews/")


def test_the_trigger_function_may_start_only_this_pipeline(short: Deployment) -> None:
    functions = short.resources("training", "AWS::Lambda::Function")
    (function,) = (one["Properties"] for name, one in functions.items() if name.startswith("Trigger"))
    assert function["Environment"]["Variables"] == {"PIPELINE_NAME": "topicsmith-short"}
    statements = short.statements("training", "TriggerStartRole")
    (start,) = (one for one in statements if one["Action"] == "sagemaker:StartPipelineExecution")
    assert start["Resource"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-short"


def test_a_failed_run_is_sent_to_the_topic(deployment: Deployment) -> None:
    assert _rule(deployment, "Failure")["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
        "detail": {
            "pipelineArn": [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{deployment.name}"],
            "currentPipelineExecutionStatus": ["Failed"],
        },
    }
    (topic,) = deployment.resources("training", "AWS::SNS::Topic")
    functions = deployment.resources("training", "AWS::Lambda::Function")
    (function,) = (one["Properties"] for name, one in functions.items() if name.startswith("Failure"))
    assert function["Environment"]["Variables"] == {"TOPIC_ARN": topic}


def test_the_topic_is_encrypted_and_takes_requests_over_tls_only(deployment: Deployment) -> None:
    (key,) = deployment.resources("data", "AWS::KMS::Key")
    assert deployment.resource("training", "AWS::SNS::Topic")["KmsMasterKeyId"].endswith(f":key/{key}")
    statements = deployment.resource("training", "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (statement,) = (one for one in statements if one["Effect"] == "Deny")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_notifications_are_sent_by_mail(assembly: Assembly) -> None:
    subscription = Deployment(assembly, "prod").resource("training", "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "topics@example.org")
    assert Deployment(assembly, "dev").resources("training", "AWS::SNS::Subscription") == {}


def test_a_saved_query_searches_the_logs_of_all_steps(deployment: Deployment) -> None:
    query = deployment.resource("training", "AWS::Logs::QueryDefinition")
    assert query["Name"] == f"{deployment.name}/run"
    preprocessing, *jobs = query["LogGroupNames"]
    assert preprocessing.startswith("PreprocessingPreprocessLogs")
    assert jobs == [f"/aws/sagemaker/{kind}" for kind in ("TrainingJobs", "ProcessingJobs", "TransformJobs")]
