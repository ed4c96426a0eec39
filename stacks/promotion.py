"""Permissions between environments for model promotion.

Resource policies are only needed between accounts; within an account the policies of the target's role suffice.
"""

from collections.abc import Sequence

from aws_cdk import Stack, aws_iam

from constructs.data.data_bucket import DataBucket
from constructs.data.image_repository import ImageRepository, grant_pull_from
from constructs.pipeline.algorithm import BuiltInAlgorithm
from constructs.pipeline.model_registry import ModelRegistry
from constructs.promotion.promoted_models import PromotionSource, PromotionTarget, grant_promoted_models, share_models
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import Neighbour, PromotionPath


def share_images(images: ImageRepository, *, config: EnvironmentConfig, promotions: PromotionPath) -> None:
    """Allow target accounts to pull the models' images; the image of the built-in algorithm is public."""
    if config.algorithm == "container":
        images.share(_other_accounts(config, promotions.image_readers))


def share_artifacts(data: DataBucket, *, name: str, config: EnvironmentConfig, promotions: PromotionPath) -> None:
    """Allow endpoints of other accounts to read the artifacts of models that they pin."""
    for target in promotions.pinned_by:
        account = target.config.account
        if account and account != config.account:
            share_models(
                data,
                name=name,
                target=PromotionTarget(environment=target.environment, name=target.name, account=account),
            )


def share_registry(registry: ModelRegistry, *, config: EnvironmentConfig, promotions: PromotionPath) -> None:
    """Allow other accounts that pin models to read the registry and create models from it."""
    registry.share(_other_accounts(config, promotions.pinned_by))


def grant_promoted(
    role: aws_iam.Role, *, environment: str, config: EnvironmentConfig, promotions: PromotionPath
) -> None:
    """Allow an endpoint's role to read the images of promoted models and the artifacts of pinned ones."""
    own_account = Stack.of(role).account
    for source in promotions.image_sources:
        if source.config.algorithm == "container":
            grant_pull_from(role, name=source.name, account=source.config.account or own_account)
        else:
            BuiltInAlgorithm(role).grant_pull(role)
    if promotions.source and config.promotion.method == "pin":
        grant_promoted_models(
            role,
            source=PromotionSource(
                name=promotions.source.name, account=promotions.source.config.account or own_account
            ),
            environment=environment,
        )


def _other_accounts(config: EnvironmentConfig, neighbours: Sequence[Neighbour]) -> Sequence[str]:
    return sorted({one.config.account for one in neighbours if one.config.account} - {config.account})
