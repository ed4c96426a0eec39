"""Checks of the region: CloudFormation's resource types differ from region to region."""

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# Resource types that CloudFormation's registry of a region lacks, of those in the templates. See
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html.
MISSING = {
    "AWS::Budgets::Budget": frozenset(
        {
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-3",
            "ap-south-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-west-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "il-central-1",
            "me-central-1",
            "mx-central-1",
            "us-gov-east-1",
            "us-gov-west-1",
        }
    ),
    "AWS::SageMaker::Endpoint": frozenset({"me-central-1", "us-gov-east-1"}),
    "AWS::SageMaker::ModelPackageGroup": frozenset(
        {
            "ap-east-2",
            "ap-south-2",
            "ap-southeast-4",
            "ap-southeast-6",
            "cn-north-1",
            "cn-northwest-1",
            "us-gov-east-1",
        }
    ),
}
# "Serverless Inference is available in 21 AWS Regions":
# https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
WITH_SERVERLESS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "me-south-1",
    "sa-east-1",
)


def region_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts between the region and the resources of the environment."""
    region, optional = config.region, "AWS::Budgets::Budget"
    if config.budget.monthly_usd is not None and region in MISSING[optional]:
        reason = f"CloudFormation has no {optional} in {region}"
        yield conflict("budget.monthly_usd", config.budget.monthly_usd, reason, "null, or another region")
    for type_ in sorted(MISSING.keys() - {optional}):
        if region in MISSING[type_]:
            yield conflict("region", region, f"CloudFormation has no {type_} there", "another region")
    if config.serving.mode == "serverless" and region not in WITH_SERVERLESS:
        reason = f"SageMaker has no serverless endpoints in {region}"
        yield conflict("serving.mode", "serverless", reason, f"instances, or one of {', '.join(WITH_SERVERLESS)}")
