"""The resources that hold something, and what is lost with them."""

HOLDS = {
    "AWS::S3::Bucket": "its objects",
    "AWS::KMS::Key": "whatever is encrypted with it",
    "AWS::Logs::LogGroup": "its log",
    "AWS::SageMaker::ModelPackageGroup": "the registered models",
    "AWS::CloudFormation::Stack": "all of its resources",
    "AWS::SageMaker::FeatureGroup": "its features",
    "AWS::ECR::Repository": "its images, which registered models need",
    "AWS::SQS::Queue": "the messages that wait in it",
    "AWS::DynamoDB::Table": "its items",
    "AWS::DynamoDB::GlobalTable": "its items",
    "AWS::RDS::DBInstance": "its database",
    "AWS::RDS::DBCluster": "its database",
    "AWS::EFS::FileSystem": "its files",
    "AWS::SecretsManager::Secret": "the secret",
    "AWS::Cognito::UserPool": "its users",
}
"""What is lost with a resource, by type; the types that CloudFormation's specification calls stateful come on top."""

ANSWERS = {
    "AWS::SageMaker::Endpoint": "requests are refused",
    "AWS::ApiGatewayV2::Api": "its callers' URL does not answer any more",
    "AWS::ApiGateway::RestApi": "its callers' URL does not answer any more",
    "AWS::Lambda::Url": "its callers' URL does not answer any more",
}
"""What an outage of a resource that others ask means, by type."""

_SOMETHING = "what it holds"


def holds_something(kind: str, stateful: frozenset[str] = frozenset()) -> bool:
    """Tell whether something is lost with a resource of a type.

    Args:
        kind: the type.
        stateful: types that CloudFormation's specification calls stateful.
    """
    return kind in HOLDS or kind in stateful


def content(kind: str) -> str:
    """Return what is lost with a resource of a type."""
    return HOLDS.get(kind, _SOMETHING)
