"""Configuration values for the workflows in ``.github/workflows``.

Usage: ``python -m stacks.delivery.outputs [ENVIRONMENT]``.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.session

from constructs.delivery.role_names import Work, role_name
from stacks.config.delivery import DeliveryConfig
from stacks.config.delivery_loader import load_delivery
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, load_environments

_ROOT = Path(__file__).parents[2]


def main(arguments: list[str], root: Path = _ROOT) -> None:
    """Print lines for ``$GITHUB_OUTPUT``: whether delivery is enabled, or the region and roles of an environment."""
    try:
        environments = load_environments(root / "environments")
        delivery = load_delivery(root / "delivery.yaml", environments)
        lines = _place(arguments[0], delivery, environments) if arguments else _delivers(delivery)
        print("\n".join(lines))
    except ConfigError as error:
        sys.exit(str(error))


def _delivers(delivery: DeliveryConfig | None) -> Iterator[str]:
    yield f"delivers={'true' if delivery and delivery.github else 'false'}"


def _place(name: str, delivery: DeliveryConfig | None, environments: Mapping[str, EnvironmentConfig]) -> Iterator[str]:
    named = delivery.environments if delivery else ()
    if name not in named:
        raise ConfigError(f"delivery.yaml has no environment {name!r}; its environments: {', '.join(named) or 'none'}")
    config = environments[name]
    partition = botocore.session.Session().get_partition_for_region(config.region)
    yield f"region={config.region}"
    works: tuple[Work, Work] = ("deploy", "review")
    for work in works:
        yield f"{work}_role=arn:{partition}:iam::{config.account}:role/{role_name(name, work)}"


if __name__ == "__main__":
    main(sys.argv[1:])
