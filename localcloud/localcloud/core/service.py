"""The seam to moto: what each service adds to moto's server."""

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
        patches: functions that replace parts of moto. Each replaces parts that no other one touches, or wraps what it
            finds, so their order does not matter; all of them precede the first request.
        resources: the CloudFormation resource types that the service adds to moto's or replaces, by their ``TYPE``.
        pollers: the service's periodic work.
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
