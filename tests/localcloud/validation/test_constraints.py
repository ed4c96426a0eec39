"""Requests held to a service model."""

from collections import Counter
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, StringShape
from hypothesis import given
from hypothesis import strategies as st

from localcloud.validation.constraints import message, violations
from localcloud.validation.patterns import matches, pattern

SERVICES = (
    "application-autoscaling",
    "budgets",
    "cloudformation",
    "cloudwatch",
    "ecr",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "sagemaker",
    "sagemaker-runtime",
    "scheduler",
    "sns",
    "sqs",
    "ssm",
    "sts",
)


def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


SAGEMAKER = _model("sagemaker")


def _input(operation: str) -> Any:
    return SAGEMAKER.operation_model(operation).input_shape


def _found(operation: str, **request: Any) -> list[str]:
    return [str(one) for one in violations(_input(operation), request, serialized=True)]


def test_a_name_with_a_space_and_a_missing_member() -> None:
    found = violations(_input("DescribeTrainingJob"), {"TrainingJobName": "a b"})
    assert message(found) == (
        "1 validation error detected: Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )
    found = violations(_input("DescribeTrainingJob"), {})
    assert [str(one) for one in found] == [
        "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null"
    ]


@pytest.mark.parametrize(
    ("operation", "request_", "path", "constraint"),
    [
        ("ListTrainingJobs", {"MaxResults": 101}, "maxResults", "Member must have value less than or equal to 100"),
        ("ListTrainingJobs", {"SortBy": "Size"}, "sortBy", "Member must satisfy enum value set: [Name, CreationTime"),
        ("ListTrainingJobs", {"NameContains": "x" * 64}, "nameContains", "Member must have length less than or equal"),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "Tags": [{"Key": "k", "Value": "<>"}]},
            "tags.1.member.value",
            "Member must satisfy regular expression pattern",
        ),
        (
            "UpdateModelPackage",
            {"ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1",
             "CustomerMetadataProperties": {"corpus": "s3://b/raw/reviews (1).csv"}},
            "customerMetadataProperties",
            "Map value must satisfy constraint: [Member must have length less than or equal to 256",
        ),
        (
            "UpdateModelPackage",
            {"ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1",
             "CustomerMetadataPropertiesToRemove": ["(1)"]},
            "customerMetadataPropertiesToRemove",
            "Member must satisfy constraint: [Member must have length less than or equal to 128",
        ),
    ],
)  # fmt: skip
def test_a_violation_names_the_member(operation: str, request_: dict[str, Any], path: str, constraint: str) -> None:
    (found,) = violations(_input(operation), request_, serialized=True)
    assert found.path == path
    assert found.constraint.startswith(constraint)


def test_letters_of_all_languages_are_letters() -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"
    assert (
        _found("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"k": "s3://b/отзывы été"}) == []
    )


def test_a_wrong_json_type_is_a_violation_of_the_type() -> None:
    (found,) = violations(_input("ListTrainingJobs"), {"MaxResults": "5"}, serialized=True)
    assert found.of_type
    assert found.constraint == "STRING_VALUE can not be converted to an Integer"
    (found,) = violations(_input("DescribeTrainingJob"), {"TrainingJobName": 5}, serialized=True)
    assert found.constraint == "NUMBER_VALUE can not be converted to a String"
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/m"
    (found,) = violations(_input("AddTags"), {"ResourceArn": arn, "Tags": {}}, serialized=True)
    assert found.of_type


def test_null_is_absent_and_unknown_members_are_ignored() -> None:
    assert _found("ListTrainingJobs", MaxResults=None, Colour="red") == []


@given(st.text(max_size=80))
def test_a_name_is_valid_as_the_pattern_says(name: str) -> None:
    valid = 0 < len(name) <= 63 and name.isascii() and name.replace("-", "").isalnum()
    valid = valid and name[0] != "-" and name[-1] != "-"
    assert (_found("DescribeTrainingJob", TrainingJobName=name) == []) == valid


def test_javas_surrogate_pairs() -> None:
    expression = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"
    assert matches(expression, "a \U0001f600\t")
    assert not matches(expression, "a\n")


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_compiles(service: str) -> None:
    model = _model(service)
    shapes = [model.shape_for(name) for name in model.shape_names]
    patterns = {
        shape.metadata["pattern"] for shape in shapes if isinstance(shape, StringShape) and "pattern" in shape.metadata
    }
    failed = Counter(expression for expression in patterns if not pattern(expression))
    assert not failed


def test_a_long_hyperparameter() -> None:
    shape = _input("CreateTrainingJob").members["HyperParameters"]
    assert violations(shape, {"words": "x" * 2500}) == []
    (found,) = violations(shape, {"words": "x" * 2501})
    assert found.constraint.startswith(
        "Map value must satisfy constraint: [Member must have length less than or equal to 2500"
    )


@pytest.mark.parametrize(("name", "most"), [("ParameterValues", 30), ("ParentHyperParameterTuningJobs", 5)])
def test_a_list_may_be_too_long(name: str, most: int) -> None:
    shape = SAGEMAKER.shape_for(name)
    item: Any = "1" if name == "ParameterValues" else {"HyperParameterTuningJobName": "a"}
    assert violations(shape, [item] * most) == []
    (found,) = violations(shape, [item] * (most + 1))
    assert found.constraint == f"Member must have length less than or equal to {most}"
