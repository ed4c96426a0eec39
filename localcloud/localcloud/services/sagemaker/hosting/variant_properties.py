"""What the variants of an update keep of those before them.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VariantProperty.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Retained:
    """What the variants of an update keep of those before them, by their names.

    Attributes:
        counts: numbers of instances.
        weights: shares of the traffic.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def count(self, spec: Mapping[str, Any]) -> int | None:
        """Return a variant's number of instances; ``None`` where it is serverless."""
        if spec.get("ServerlessConfig"):
            return None
        return self.counts.get(spec["VariantName"]) or int(spec.get("InitialInstanceCount") or 1)

    def weight(self, spec: Mapping[str, Any]) -> float:
        """Return a variant's share of the traffic."""
        initial = spec.get("InitialVariantWeight")
        return self.weights.get(spec["VariantName"], 1.0 if initial is None else float(initial))
