"""Deployments: the running variants of an endpoint configuration, and the choice of one per request."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.hosting.data_capture import DataCapture
from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from localcloud.services.sagemaker.hosting.shadow import ShadowTraffic
from localcloud.services.sagemaker.hosting.variant import Variant


class UnknownVariantError(LocalCloudError):
    """The request names a production variant that the endpoint does not have."""


class Deployment:
    """The running variants of an endpoint configuration.

    Args:
        config: The endpoint configuration.
        directory: Directory of the models.
        capture: Data capture of its requests.
    """

    def __init__(self, config: LocalEndpointConfig, directory: Path, capture: DataCapture | None):
        self.config = config
        self.capture = capture
        self.variants: dict[str, Variant] = {}
        self.shadow: Variant | None = None
        self._shadow_traffic: ShadowTraffic | None = None
        self._directory = directory

    @property
    def all_variants(self) -> list[Variant]:
        """The production variants and the shadow variant."""
        return [*self.variants.values(), *([self.shadow] if self.shadow else [])]

    def choose(self, target_variant: str | None) -> Variant:
        """Return the variant for a request: the one that it names, or a random one by weight.

        Raises:
            UnknownVariantError: The variant does not exist.
        """
        if target_variant:
            if target_variant not in self.variants:
                raise UnknownVariantError(target_variant)
            return self.variants[target_variant]
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if sum(weights) > 0 else variants[0]

    def send_to_shadow(self, work: Callable[[Variant], object]) -> None:
        """Run ``work`` with the shadow variant in the background, for its share of the requests.

        The share is the shadow variant's weight relative to the production variant's.
        """
        shadow, traffic = self.shadow, self._shadow_traffic
        if shadow is None or traffic is None:
            return
        production = sum(variant.weight for variant in self.variants.values())
        if random.random() * production < shadow.weight:
            traffic.send(lambda: work(shadow))

    def failing(self) -> str | None:
        """Return the reason if a variant's workers have stopped coming up, otherwise None."""
        return next((reason for variant in self.all_variants if (reason := variant.pool.failing)), None)

    def add_shadow(self, variant: Variant) -> None:
        """Add the shadow variant."""
        self.shadow = variant
        self._shadow_traffic = ShadowTraffic(variant.name)

    def retire(self) -> None:
        """Drain requests, end the workers, flush the data capture and delete the models."""
        if self._shadow_traffic:
            self._shadow_traffic.close()
        for variant in self.all_variants:
            variant.pool.retire()
        if self.capture:
            self.capture.close()
        shutil.rmtree(self._directory, ignore_errors=True)
