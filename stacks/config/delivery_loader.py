"""Loader of ``delivery.yaml``, checked against the environments."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from stacks.config.delivery import DeliveryConfig
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError, explain_all, load_file
from stacks.config.sections.base import conflict


def load_delivery(path: Path, environments: Mapping[str, EnvironmentConfig]) -> DeliveryConfig | None:
    """Return the configuration of delivery, or None if the file does not exist.

    Args:
        path: Path of the file.
        environments: All environments by name.

    Raises:
        ConfigError: The file is invalid; the message lists line, key, value and allowed values of every error.
    """
    if not path.exists():
        return None
    delivery = load_file(path, DeliveryConfig)
    if found := list(_conflicts(delivery, environments)):
        error = ValidationError.from_exception_data(DeliveryConfig.__name__, found)
        raise ConfigError(explain_all(path, DeliveryConfig, error.errors()))
    return delivery


def _conflicts(delivery: DeliveryConfig, environments: Mapping[str, EnvironmentConfig]) -> Iterator[InitErrorDetails]:
    for place, name in enumerate(delivery.environments):
        key = f"environments.{place}"
        if name not in environments:
            near = get_close_matches(name, environments, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield conflict(key, name, f"there is no environments/{name}.yaml{hint}", ", ".join(environments))
        elif environments[name].account is None:
            reason = f"environments/{name}.yaml has no account, which automated delivery requires"
            yield conflict(key, name, reason, f"an environment with an account: add one to environments/{name}.yaml")
