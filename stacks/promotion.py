"""What an environment shares with those to which its models are promoted, and what it may reach of those before it.

Nothing is shared within an account: there the policies of the target's own role are enough.
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
    """Let the accounts to which models may come read their image; everybody may read that of the built-in algorithm."""
    if config.algorithm == "container":
        images.share(_other_accounts(config, promotions.image_readers))


def share_artifacts(data: DataBucket, *, name: str, config: EnvironmentConfig, promotions: PromotionPath) -> None:
    """Let the endpoints of other accounts that serve models out of this environment's registry read what they serve."""
    for target in promotions.pinned_by:
        account = target.config.account
        if account and account != config.account:
            share_models(
                data,
                name=name,
                target=PromotionTarget(environment=target.environment, name=target.name, account=account),
            )


def share_registry(registry: ModelRegistry, *, config: EnvironmentConfig, promotions: PromotionPath) -> None:
    """Let other accounts see the registry and make models of its versions, where they pin them."""
    registry.share(_other_accounts(config, promotions.pinned_by))


def grant_promoted(
    role: aws_iam.Role, *, environment: str, config: EnvironmentConfig, promotions: PromotionPath
) -> None:
    """Let an endpoint's role reach what promoted models consist of: images, and artifacts where they are pinned."""
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
