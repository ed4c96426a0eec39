"""Variant properties that an update retains.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VariantProperty.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Retained:
    """Retained properties of variants, by variant name.

    Attributes:
        counts: Numbers of instances.
        weights: Weights.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def count(self, spec: Mapping[str, Any]) -> int | None:
        """Return a variant's number of instances; None for a serverless variant."""
        if spec.get("ServerlessConfig"):
            return None
        return self.counts.get(spec["VariantName"]) or int(spec.get("InitialInstanceCount") or 1)

    def weight(self, spec: Mapping[str, Any]) -> float:
        """Return a variant's weight."""
        initial = spec.get("InitialVariantWeight")
        return self.weights.get(spec["VariantName"], 1.0 if initial is None else float(initial))
