"""A running variant: a model, its workers and its weight."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow

from localcloud.services.sagemaker.hosting.fleet import Fleet
from localcloud.services.sagemaker.hosting.serverless import ServerlessPool


@dataclass
class Variant:
    """A running production or shadow variant.

    Attributes:
        spec: Its element of the endpoint configuration.
        pool: Its workers.
        weight: Its share of the traffic, relative to the other variants.
        image_uri: Image of its container.
    """

    spec: Mapping[str, Any]
    pool: Fleet | ServerlessPool
    weight: float
    image_uri: str
    resolved: datetime = dataclasses.field(default_factory=utcnow)

    @property
    def name(self) -> str:
        """``VariantName``."""
        return str(self.spec["VariantName"])

    @property
    def instance_count(self) -> int | None:
        """Current number of instances; None for a serverless variant."""
        return self.pool.current if isinstance(self.pool, Fleet) else None

    @property
    def desired_count(self) -> int | None:
        """Desired number of instances; None for a serverless variant."""
        return self.pool.desired if isinstance(self.pool, Fleet) else None

    def describe(self) -> dict[str, Any]:
        """Return the ``ProductionVariantSummary``."""
        summary: dict[str, Any] = {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": self.image_uri, "ResolutionTime": self.resolved}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
        }
        if isinstance(self.pool, Fleet):
            counts = {"CurrentInstanceCount": self.pool.current, "DesiredInstanceCount": self.pool.desired}
            return {**summary, **counts}
        config = self.pool.config
        return {**summary, "CurrentServerlessConfig": config, "DesiredServerlessConfig": config}


def describe_pending(spec: Mapping[str, Any], count: int | None, weight: float) -> dict[str, Any]:
    """Return the ``PendingProductionVariantSummary`` of a variant that is not running yet."""
    summary: dict[str, Any] = {"VariantName": spec["VariantName"], "DesiredWeight": weight}
    if count is None:
        return {**summary, "DesiredServerlessConfig": spec["ServerlessConfig"]}
    return {
        **summary,
        "InstanceType": spec["InstanceType"],
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": count,
    }
