"""Deployments: the variants of an endpoint configuration, and which of them a request goes to."""

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
    """A request is for a production variant that the endpoint does not have."""


class Deployment:
    """The variants of one endpoint configuration, up.

    Args:
        config: the endpoint configuration.
        directory: where the models lie.
        capture: what is captured of its requests.
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
        """Return the variant that a request goes to: the one that it names, or one by the weights.

        Raises:
            UnknownVariantError: there is no variant of that name.
        """
        if target_variant:
            if target_variant not in self.variants:
                raise UnknownVariantError(target_variant)
            return self.variants[target_variant]
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if sum(weights) > 0 else variants[0]

    def send_to_shadow(self, work: Callable[[Variant], object]) -> None:
        """Do ``work`` with the shadow variant in the background, for as many requests as its weight says.

        The share is the shadow variant's weight relative to the production variant's.
        """
        shadow, traffic = self.shadow, self._shadow_traffic
        if shadow is None or traffic is None:
            return
        production = sum(variant.weight for variant in self.variants.values())
        if random.random() * production < shadow.weight:
            traffic.send(lambda: work(shadow))

    def failing(self) -> str | None:
        """Say why the workers of a variant do not come up any more; ``None`` while all do."""
        return next((reason for variant in self.all_variants if (reason := variant.pool.failing)), None)

    def add_shadow(self, variant: Variant) -> None:
        """Take the shadow variant."""
        self.shadow = variant
        self._shadow_traffic = ShadowTraffic(variant.name)

    def retire(self) -> None:
        """Let requests under way finish, end the workers, deliver what was captured and delete the models."""
        if self._shadow_traffic:
            self._shadow_traffic.close()
        for variant in self.all_variants:
            variant.pool.retire()
        if self.capture:
            self.capture.close()
        shutil.rmtree(self._directory, ignore_errors=True)
