"""Sizes that AWS limits, in the largest environment that the settings allow."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.synth.assembly import template_of

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-test/7"
_LIMITS = {"min_instances": 2, "max_instances": 1000}
# 40 tags with 2,040 bytes.
_TAGS = {f"key-{number:02d}-{'k' * 18}": "v" * 26 for number in range(40)}
_SERVING = {
    **_LIMITS,
    "cpu_target": 70,
    "data_capture": {"enabled": True},
    "update": {"rollback": False},
    "variants": [
        {**_LIMITS, "name": f"{'v' * 62}{number}", "model_package": _PACKAGE, "weight": 1} for number in range(9)
    ],
    "scheduled_scaling": [
        {**_LIMITS, "name": f"{number:03d}{'s' * 60}", "schedule": "cron(0 8 ? * MON-FRI *)"} for number in range(200)
    ],
}
_TRAINING: dict[str, Any] = {
    "notifications": {"emails": [f"topics-{number}@example.com" for number in range(100)]},
    "triggers": {"on_upload": True, "schedule": {"expression": "rate(7 days)", "corpus": "c" * 951}},
    "preprocessing": {"text_columns": ["t" * 1024], "id_column": "i" * 1024},
    "evaluation": {"word_vectors": "w" * 951},
    "training": {"spot": True, "hyperparameters": {"encoder_layers": f"{'1' * 2499}"}},
    "tuning": {"spot": True, "objective": "validation:npmi"},
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_MOST_BYTES, _MOST_RESOURCES = 1_000_000, 500
# https://github.com/aws/sagemaker-python-sdk/pull/2825
_MOST_BYTES_OF_A_DEFINITION = 100 * 1024


@pytest.fixture(scope="module")
def serving() -> Template:
    return template_of("serving", region="us-east-1", tags=_TAGS, serving=_SERVING, http_api={"auth": "iam"})


@pytest.fixture(scope="module")
def training() -> Template:
    return template_of("training", region="us-east-1", tags=_TAGS, **_TRAINING)


@pytest.mark.parametrize("stack", ["serving", "training"])
def test_the_largest_template_fits(stack: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(stack).to_json()
    assert len(json.dumps(template, indent=1)) < _MOST_BYTES
    assert len(template["Resources"]) < _MOST_RESOURCES


def test_the_largest_definition_fits_into_a_request(training: Template) -> None:
    (pipeline,) = training.find_resources("AWS::SageMaker::Pipeline").values()
    assert len(json.dumps(pipeline["Properties"]["PipelineDefinition"])) < _MOST_BYTES_OF_A_DEFINITION


@pytest.mark.parametrize("stack", ["serving", "training"])
def test_the_largest_policies_fit(stack: str, request: pytest.FixtureRequest) -> None:
    """IAM takes 10,240 characters of inline policies of a role; see
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
    """
    policies = request.getfixturevalue(stack).find_resources("AWS::IAM::Policy").values()
    assert policies
    for policy in policies:
        assert len(json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))) < 10_240
