import json
from datetime import timedelta
from itertools import accumulate
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.assertions import Match, Template

from constructs.serving.model_approval import attempts_within
from tests.synth.assembly import template_of
from tests.synth.cloudformation import Deployment


@pytest.fixture(scope="module")
def template() -> Template:
    return template_of("serving")


def only(template: Template, type_: str) -> dict[str, Any]:
    (resource,) = template.find_resources(type_).values()
    properties = resource["Properties"]
    assert isinstance(properties, dict)
    return properties


def test_the_function_reads_one_message_at_a_time_and_two_at_once_at_most(template: Template) -> None:
    source = only(template, "AWS::Lambda::EventSourceMapping")
    assert source["BatchSize"] == 1
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_the_visibility_timeout_is_six_times_the_functions_timeout(template: Template) -> None:
    (function,) = template.find_resources(
        "AWS::Lambda::Function", {"Properties": {"Environment": {"Variables": {"QUEUE_URL": Match.any_value()}}}}
    ).values()
    (queue,) = template.find_resources("AWS::SQS::Queue", {"Properties": {"RedrivePolicy": Match.any_value()}}).values()
    assert queue["Properties"]["VisibilityTimeout"] == 6 * function["Properties"]["Timeout"]


def test_dead_letters_are_kept_for_the_maximum_time(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {"MessageRetentionPeriod": timedelta(days=14).total_seconds(), "RedrivePolicy": Match.absent()},
    )


def test_queues_accept_only_tls_and_only_this_rule(template: Template) -> None:
    (rule,) = (
        name
        for name, rule in template.find_resources("AWS::Events::Rule").items()
        if rule["Properties"]["EventPattern"]["source"] == ["aws.sagemaker"]
    )
    policies = [one["Properties"] for one in template.find_resources("AWS::SQS::QueuePolicy").values()]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    denied = [one for one in statements if one["Effect"] == "Deny"]
    assert len(denied) == len(template.find_resources("AWS::SQS::Queue")) == 2
    assert all(one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for one in denied)
    (allowed,) = (one for one in statements if one["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert "sqs:SendMessage" in allowed["Action"]
    assert allowed["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}


@pytest.mark.parametrize("minutes", [1, 10, 30, 60, 240, 480])
def test_the_pauses_between_the_attempts_outlast_the_longest_update(template: Template, minutes: int) -> None:
    variables = next(
        function["Properties"]["Environment"]["Variables"]
        for function in template.find_resources("AWS::Lambda::Function").values()
        if "QUEUE_URL" in json.dumps(function)
    )
    first, longest = int(variables["FIRST_RETRY_SECONDS"]), int(variables["LONGEST_PAUSE_SECONDS"])
    attempts = attempts_within(Duration.minutes(minutes))
    # The function's formula, tested in tests/lambdas/deploy_model.
    pauses = [min(first * 2**received, longest) for received in range(attempts - 1)]
    assert sum(pauses) > minutes * 60
    assert attempts == 8 or list(accumulate(pauses))[-2] <= minutes * 60


def test_a_failed_update_of_this_stack_is_reported(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"Ref": "AWS::StackId"}],
                    "status-details": {
                        "status": ["UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"]
                    },
                },
            }
        },
    )


def test_the_update_notifier_has_read_only_access(deployment: Deployment) -> None:
    variables = next(
        function["Properties"]["Environment"]["Variables"]
        for function in deployment.resources("serving", "AWS::Lambda::Function").values()
        if "TOPIC_ARN" in function["Properties"]["Environment"]["Variables"]
    )
    assert variables["ENDPOINT_NAME"] == deployment.name
    assert variables["MODEL_PACKAGE_GROUP"] == deployment.name
    assert variables["MODEL_PARAMETER"] == "ModelPackageArn"
    allowed = {
        action: statement["Resource"]
        for statement in deployment.statements("serving", "ApprovalFailureNotifyRole")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert allowed["sagemaker:DescribeEndpoint"].endswith(f":endpoint/{deployment.name}")
    assert allowed["sns:Publish"] == variables["TOPIC_ARN"]
    assert allowed["cloudformation:DescribeStackEvents"] == "AWS::StackId"
    assert not {action for action in allowed if "Update" in action or "Delete" in action}


def test_the_approval_function_cannot_approve(deployment: Deployment) -> None:
    statements = deployment.statements("serving", "ApprovalDeployRole")
    (registry,) = (one for one in statements if "ModelPackage" in json.dumps(one["Action"]))
    assert registry["Action"] == "sagemaker:DescribeModelPackage"
    assert registry["Resource"].endswith(f":model-package/{deployment.name}/*")
