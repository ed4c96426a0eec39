"""Delivery stacks, added to the app if there is a ``delivery.yaml``."""

from collections.abc import Mapping

from aws_cdk import App

from stacks.config.delivery import DeliveryConfig
from stacks.config.environment import EnvironmentConfig
from stacks.delivery.access import DeliveryAccessStack
from stacks.delivery.pipeline import DeliveryPipelineStack


def add_delivery(app: App, delivery: DeliveryConfig, environments: Mapping[str, EnvironmentConfig]) -> None:
    """Add a stack ``Delivery-<environment>`` for each environment and, with CodePipeline, a stack ``Delivery``.

    They are outside the environments' stages, since they are deployed manually before the first delivery. Their names
    cannot clash with those of environments, which have no capital letters.

    Args:
        app: CDK app.
        delivery: Configuration of delivery.
        environments: All environments by name.
    """
    first_of_account: dict[str | None, DeliveryAccessStack] = {}
    for name in delivery.environments:
        config = environments[name]
        first = first_of_account.get(config.account)
        stack = DeliveryAccessStack(
            app,
            f"Delivery-{name}",
            environment=name,
            config=config,
            delivery=delivery,
            creates_provider=first is None and delivery.github is not None and delivery.github.provider == "create",
        )
        if first:
            stack.add_stack_dependency(first, reason="It has the identity provider of the account.")
        else:
            first_of_account[config.account] = stack
    if delivery.codepipeline:
        DeliveryPipelineStack(
            app, "Delivery", delivery=delivery, codepipeline=delivery.codepipeline, environments=environments
        )
