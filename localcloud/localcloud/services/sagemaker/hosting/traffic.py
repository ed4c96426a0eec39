"""Where an endpoint's requests go: to the deployment that serves, and during an update to the next one too."""

import random
import threading
from collections.abc import Collection
from contextlib import ExitStack

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.hosting.deployment import Deployment, UnknownVariantError
from localcloud.services.sagemaker.hosting.variant import Variant


class NotInServiceError(LocalCloudError):
    """A request is for an endpoint that serves nothing."""


class Traffic:
    """The deployments of one endpoint, and the share of the requests that each gets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: Deployment | None = None
        self._next: Deployment | None = None
        self._share = 0.0

    @property
    def serving(self) -> Deployment | None:
        """The deployment that serves; during an update the old one."""
        return self._serving

    @property
    def next(self) -> Deployment | None:
        """The deployment that an update brings."""
        return self._next

    def offer(self, deployment: Deployment) -> None:
        """Take the next deployment, which gets no requests yet."""
        with self._lock:
            self._next, self._share = deployment, 0.0

    def shift(self, share: float) -> None:
        """Give the next deployment so much of the requests, from 0 to 1."""
        with self._lock:
            self._share = share

    def promote(self) -> Deployment | None:
        """Let the next deployment alone serve; return the one before it."""
        with self._lock:
            before, self._serving, self._next, self._share = self._serving, self._next, None, 0.0
            return before

    def withdraw(self) -> Deployment | None:
        """Let the old deployment alone serve; return the one that was next."""
        with self._lock:
            withdrawn, self._next, self._share = self._next, None, 0.0
            return withdrawn

    def stop(self) -> list[Deployment]:
        """Serve no more; return what served."""
        with self._lock:
            stopped = [deployment for deployment in (self._serving, self._next) if deployment]
            self._serving, self._next, self._share = None, None, 0.0
            return stopped

    def enter(
        self, stack: ExitStack, target_variant: str | None, tried: Collection[Deployment]
    ) -> tuple[Deployment, Variant, bool]:
        """Choose where a request goes, and count it there until ``stack`` closes, so that nothing retires meanwhile.

        Args:
            stack: closed once the request is answered.
            target_variant: the variant that it names.
            tried: the deployments that could not answer it.

        Returns:
            The deployment, its variant, and whether there is another deployment to try.

        Raises:
            NotInServiceError: nothing serves.
            UnknownVariantError: there is no such variant.
        """
        with self._lock:
            both = [self._next, self._serving] if random.random() < self._share else [self._serving, self._next]
            if self._share == 0.0:
                both = [self._serving]
            candidates = [deployment for deployment in both if deployment and deployment not in tried]
            if not candidates and self._serving:
                candidates = [self._serving]  # Since it was tried, the other one has gone.
            if not candidates:
                raise NotInServiceError
            if target_variant:
                candidates = [deployment for deployment in candidates if target_variant in deployment.variants]
                if not candidates:
                    raise UnknownVariantError(target_variant)
            variant = candidates[0].choose(target_variant)
            stack.enter_context(variant.pool.request())
            return candidates[0], variant, len(candidates) > 1
