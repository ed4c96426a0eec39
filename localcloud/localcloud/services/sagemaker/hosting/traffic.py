"""Traffic of an endpoint: its serving deployment and, during an update, the next one."""

import random
import threading
from collections.abc import Collection
from contextlib import ExitStack

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.hosting.deployment import Deployment, UnknownVariantError
from localcloud.services.sagemaker.hosting.variant import Variant


class NotInServiceError(LocalCloudError):
    """The endpoint has no serving deployment."""


class Traffic:
    """Deployments of an endpoint with their shares of the requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: Deployment | None = None
        self._next: Deployment | None = None
        self._share = 0.0

    @property
    def serving(self) -> Deployment | None:
        """The serving deployment; during an update, the old one."""
        return self._serving

    @property
    def next(self) -> Deployment | None:
        """The new deployment during an update."""
        return self._next

    def offer(self, deployment: Deployment) -> None:
        """Add the next deployment, without requests yet."""
        with self._lock:
            self._next, self._share = deployment, 0.0

    def shift(self, share: float) -> None:
        """Set the next deployment's share of the requests, from 0 to 1."""
        with self._lock:
            self._share = share

    def promote(self) -> Deployment | None:
        """Make the next deployment the only one; return the old one."""
        with self._lock:
            before, self._serving, self._next, self._share = self._serving, self._next, None, 0.0
            return before

    def withdraw(self) -> Deployment | None:
        """Remove the next deployment and return it."""
        with self._lock:
            withdrawn, self._next, self._share = self._next, None, 0.0
            return withdrawn

    def stop(self) -> list[Deployment]:
        """Remove and return all deployments."""
        with self._lock:
            stopped = [deployment for deployment in (self._serving, self._next) if deployment]
            self._serving, self._next, self._share = None, None, 0.0
            return stopped

    def enter(
        self, stack: ExitStack, target_variant: str | None, tried: Collection[Deployment]
    ) -> tuple[Deployment, Variant, bool]:
        """Choose a deployment and variant for a request, and keep them from retiring until ``stack`` closes.

        Args:
            stack: Closed once the request is answered.
            target_variant: The requested variant, if any.
            tried: Deployments that could not answer the request.

        Returns:
            The deployment, its variant, and True if there is another deployment to try.

        Raises:
            NotInServiceError: No deployment is serving.
            UnknownVariantError: The variant does not exist.
        """
        with self._lock:
            both = [self._next, self._serving] if random.random() < self._share else [self._serving, self._next]
            if self._share == 0.0:
                both = [self._serving]
            candidates = [deployment for deployment in both if deployment and deployment not in tried]
            if not candidates and self._serving:
                candidates = [self._serving]  # The other one was retired meanwhile.
            if not candidates:
                raise NotInServiceError
            if target_variant:
                candidates = [deployment for deployment in candidates if target_variant in deployment.variants]
                if not candidates:
                    raise UnknownVariantError(target_variant)
            variant = candidates[0].choose(target_variant)
            stack.enter_context(variant.pool.request())
            return candidates[0], variant, len(candidates) > 1
