"""Interface of the services to moto's server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from localcloud.core.poller import Poller
from localcloud.core.resource_model import MODELS


@dataclass(frozen=True)
class Service:
    """An extension of moto's server.

    Attributes:
        name: moto's name of the service, or the extension's own.
        patches: Functions that patch moto before the first request. Their order does not matter: each replaces parts
            that no other one touches, or wraps the current ones.
        resources: CloudFormation resource types that the service adds or replaces, by ``TYPE``.
        pollers: Periodic work of the service.
    """

    name: str
    patches: tuple[Callable[[], None], ...] = ()
    resources: tuple[type[Any], ...] = ()
    pollers: tuple[Poller, ...] = ()


def install(services: Iterable[Service]) -> None:
    """Apply the patches of the services and register their CloudFormation resource types."""
    for service in services:
        for patch in service.patches:
            patch()
        for resource in service.resources:
            MODELS[resource.TYPE] = resource
