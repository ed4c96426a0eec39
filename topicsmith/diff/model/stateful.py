"""Stateful resources and the data lost with them."""

HOLDS = {
    "AWS::S3::Bucket": "its objects",
    "AWS::KMS::Key": "everything that is encrypted with it",
    "AWS::Logs::LogGroup": "its logs",
    "AWS::SageMaker::ModelPackageGroup": "the registered models",
    "AWS::CloudFormation::Stack": "all its resources",
    "AWS::SageMaker::FeatureGroup": "its features",
    "AWS::ECR::Repository": "its images, which registered models need",
    "AWS::SQS::Queue": "its messages",
    "AWS::DynamoDB::Table": "its items",
    "AWS::DynamoDB::GlobalTable": "its items",
    "AWS::RDS::DBInstance": "its database",
    "AWS::RDS::DBCluster": "its database",
    "AWS::EFS::FileSystem": "its files",
    "AWS::SecretsManager::Secret": "the secret",
    "AWS::Cognito::UserPool": "its users",
}
"""Data lost with a resource, by type, in addition to the types that CloudFormation's specification calls stateful."""

ANSWERS = {
    "AWS::SageMaker::Endpoint": "requests are refused",
    "AWS::ApiGatewayV2::Api": "its URL stops working for its callers",
    "AWS::ApiGateway::RestApi": "its URL stops working for its callers",
    "AWS::Lambda::Url": "its URL stops working for its callers",
}
"""Effect of an outage of a resource with callers, by type."""

_SOMETHING = "everything in it"


def holds_data(kind: str, stateful: frozenset[str] = frozenset()) -> bool:
    """Return True if data is lost with a resource of this type.

    Args:
        kind: Resource type.
        stateful: Types that CloudFormation's specification calls stateful.
    """
    return kind in HOLDS or kind in stateful


def content(kind: str) -> str:
    """Return the data lost with a resource of this type."""
    return HOLDS.get(kind, _SOMETHING)
