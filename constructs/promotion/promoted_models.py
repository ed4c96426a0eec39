"""Cross-environment access to the artifacts of promoted models.

Between accounts both sides must allow access: the policies of the source's bucket and key, and the policy of the
target's role. Within one account the role's policy suffices. These are the minimum permissions for
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html.
"""

from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack, aws_iam

from constructs.common.grants import grant
from constructs.data.data_bucket import MODELS, DataBucket


@dataclass(frozen=True, kw_only=True)
class PromotionSource:
    """Environment that trained the models.

    Attributes:
        name: ``topicsmith-<environment>``.
        account: AWS account.
    """

    name: str
    account: str


@dataclass(frozen=True, kw_only=True)
class PromotionTarget:
    """Environment that serves the models.

    Attributes:
        environment: Name of the environment.
        name: ``topicsmith-<environment>``.
        account: AWS account.
    """

    environment: str
    name: str
    account: str


def endpoint_role_name(name: str) -> str:
    """Return the name of the role that an endpoint uses to read models of another account."""
    return f"{name}-endpoint"


def promotion_tag(environment: str) -> str:
    """Return the key of the tag whose value ``true`` marks artifacts promoted to the environment."""
    return f"promoted-to-{environment}"


def share_models(data: DataBucket, *, name: str, target: PromotionTarget) -> None:
    """Allow another account's endpoint to read the models promoted to it.

    Args:
        data: Data bucket of this environment.
        name: Name of this environment, ``topicsmith-<environment>``.
        target: Environment of the endpoint.
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
    # A role used as principal would have to exist already, and its replacement would not match.
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
                # The bucket depends on the key, so the key cannot reference the bucket.
                "StringLike": _of_bucket(stack, name),
            },
        )
    )


def grant_promoted_models(role: aws_iam.Role, *, source: PromotionSource, environment: str) -> None:
    """Allow an endpoint's role to read the models promoted to its environment.

    Args:
        role: Role of the endpoint.
        source: Environment that trained the models.
        environment: Environment of the endpoint.
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
    """Return the encryption context of a bucket's objects, which with bucket keys is the bucket's ARN.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html.
    """
    return {"kms:EncryptionContext:aws:s3:arn": _buckets(stack, name)}


def _buckets(stack: Stack, name: str) -> str:
    """Return an ARN pattern for a data stack's bucket, whose generated name begins with the stack's name."""
    return stack.format_arn(
        service="s3", region="", account="", resource=f"{name}-data-*", arn_format=ArnFormat.NO_RESOURCE_NAME
    )
