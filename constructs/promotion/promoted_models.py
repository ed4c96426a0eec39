"""The models in a registry that another environment serves: what it takes to reach these and nothing else.

Between accounts both sides have to allow it: the policies of bucket and key here, and the policy of the role there;
within one account the role's is enough. It is the least of what
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html asks for.
"""

from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack, aws_iam

from constructs.common.grants import grant
from constructs.data.data_bucket import MODELS, DataBucket


@dataclass(frozen=True, kw_only=True)
class PromotionSource:
    """The environment that trained the models.

    Attributes:
        name: what it is called, ``topicsmith-<environment>``.
        account: its account.
    """

    name: str
    account: str


@dataclass(frozen=True, kw_only=True)
class PromotionTarget:
    """The environment that serves them.

    Attributes:
        environment: its name.
        name: what it is called, ``topicsmith-<environment>``.
        account: its account.
    """

    environment: str
    name: str
    account: str


def endpoint_role_name(name: str) -> str:
    """Return the name of the role with which an environment's endpoint reads models of another account."""
    return f"{name}-endpoint"


def promotion_tag(environment: str) -> str:
    """Return the tag whose value ``true`` marks an artifact that is promoted to the environment."""
    return f"promoted-to-{environment}"


def share_models(data: DataBucket, *, name: str, target: PromotionTarget) -> None:
    """Let the endpoint of another account read the models that are promoted to it.

    Args:
        data: where they are.
        name: what this environment is called, ``topicsmith-<environment>``.
        target: whose endpoint.
    """
    stack = Stack.of(data)
    account = aws_iam.AccountPrincipal(target.account)
    role = stack.format_arn(
        service="iam",
        region="",
        account=target.account,
        resource="role",
        resource_name=endpoint_role_name(target.name),
    )
    # As the principal, a role would have to exist already, and IAM would not know it again once it was replaced.
    only_the_endpoint = {"ArnEquals": {"aws:PrincipalArn": role}}
    data.bucket.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[account],
            actions=["s3:GetObject"],
            resources=[data.bucket.arn_for_objects(f"{MODELS}/*")],
            conditions={**only_the_endpoint, "StringEquals": _promoted_to(target.environment)},
        )
    )
    data.key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[account],
            actions=["kms:Decrypt"],
            resources=["*"],
            conditions={
                **only_the_endpoint,
                "StringEquals": _by_s3(stack),
                # The bucket names the key, so that the key cannot name the bucket.
                "StringLike": _of_bucket(stack, name),
            },
        )
    )


def grant_promoted_models(role: aws_iam.Role, *, source: PromotionSource, environment: str) -> None:
    """Let an endpoint's role read the models that are promoted to it.

    Args:
        role: the endpoint's role.
        source: the environment that has them.
        environment: the name of the environment of the endpoint.
    """
    stack = Stack.of(role)
    grant(
        role,
        actions=["s3:GetObject"],
        resources=[f"{_buckets(stack, source.name)}/{MODELS}/*"],
        conditions={"StringEquals": {**_promoted_to(environment), "s3:ResourceAccount": source.account}},
        wildcard="Another deployment names the bucket and its models; the condition leaves of them what was promoted.",
    )
    keys = stack.format_arn(service="kms", account=source.account, resource="key", resource_name="*")
    grant(
        role,
        actions=["kms:Decrypt"],
        resources=[keys],
        conditions={
            "StringEquals": {**_by_s3(stack), "aws:ResourceAccount": source.account},
            "StringLike": _of_bucket(stack, source.name),
        },
        wildcard="Another deployment makes the key; the conditions leave of all keys that of the bucket.",
    )


def _promoted_to(environment: str) -> dict[str, str]:
    return {f"s3:ExistingObjectTag/{promotion_tag(environment)}": "true"}


def _by_s3(stack: Stack) -> dict[str, str]:
    return {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}


def _of_bucket(stack: Stack, name: str) -> dict[str, str]:
    """Return the encryption context of a bucket's objects, which is the bucket where there are bucket keys.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html.
    """
    return {"kms:EncryptionContext:aws:s3:arn": _buckets(stack, name)}


def _buckets(stack: Stack, name: str) -> str:
    """Return the ARN of the bucket of a data stack, whose name CloudFormation begins with the stack's."""
    return stack.format_arn(
        service="s3", region="", account="", resource=f"{name}-data-*", arn_format=ArnFormat.NO_RESOURCE_NAME
    )
