"""Regions in which CloudFormation lacks a resource type."""

import re
from pathlib import Path

import pytest
from botocore.session import Session
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from pydantic import ValidationError

from stacks.config.checks.regions import MISSING
from stacks.config.environment import EnvironmentConfig

SNAPSHOTS = Path(__file__).parents[3] / "synth" / "__snapshots__"
# cfn-lint knows no schemas of this region.
UNKNOWN = {"me-south-1"}


def _types() -> set[str]:
    return {type_ for path in SNAPSHOTS.rglob("*.json") for type_ in re.findall(r'"(AWS::\w+::\w+)"', path.read_text())}


def test_the_table_is_that_of_the_resource_schemas() -> None:
    session = Session()
    regions = {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition)
    }
    missing: dict[str, set[str]] = {}
    for region in regions - UNKNOWN:
        for type_ in _types() - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)):
            missing.setdefault(type_, set()).add(region)
    # The model and the configuration of the endpoint are missing where it is.
    assert missing.pop("AWS::SageMaker::Model") == missing.pop("AWS::SageMaker::EndpointConfig")
    assert missing == MISSING


@pytest.mark.parametrize("region", ["eu-north-1", "us-gov-west-1"])
def test_a_budget_needs_a_region_with_budgets(region: str) -> None:
    with pytest.raises(ValidationError, match=f"CloudFormation has no AWS::Budgets::Budget in {region}"):
        EnvironmentConfig.model_validate({"region": region, "budget": {"monthly_usd": 10}})
    EnvironmentConfig.model_validate({"region": region})


def test_a_region_without_model_package_groups_is_refused() -> None:
    with pytest.raises(ValidationError, match="CloudFormation has no AWS::SageMaker::ModelPackageGroup there"):
        EnvironmentConfig.model_validate({"region": "cn-north-1"})


def test_a_serverless_endpoint_needs_a_region_that_has_them() -> None:
    with pytest.raises(ValidationError, match="SageMaker has no serverless endpoints in eu-central-2"):
        EnvironmentConfig.model_validate({"region": "eu-central-2", "serving": {"mode": "serverless"}})
    EnvironmentConfig.model_validate({"region": "eu-central-2"})
    EnvironmentConfig.model_validate({"region": "eu-central-1", "serving": {"mode": "serverless"}})
