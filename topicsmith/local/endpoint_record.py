"""One endpoint: its status, and what serves it."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, SageMakerModelBackend

from topicsmith.local.deployments import Deployment, DeploymentFailed, deploy
from topicsmith.local.fleets import Answer, Fleet

logger = logging.getLogger(__name__)

_SCALE_POLL_SECONDS = 0.2
_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class NotInServiceError(Exception):
    """A request is for an endpoint that serves nothing."""


class LocalEndpoint(FakeEndpoint):
    """An endpoint and what serves it; moto's is born in service and serves nothing."""

    def __init__(self, **request: Any):
        super().__init__(**request)
        self.endpoint_status = "Creating"
        self.failure_reason: str | None = None  # type: ignore[assignment]
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._deployment: Deployment | None = None

    @property
    def response_object(self) -> dict[str, Any]:
        """The members of DescribeEndpoint's answer."""
        described = {
            "EndpointName": self.endpoint_name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.endpoint_config_name,
            "ProductionVariants": self._variants(),
            "EndpointStatus": self.endpoint_status,
            "FailureReason": self.failure_reason,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
        }
        return {name: value for name, value in described.items() if value is not None}

    def is_created(self) -> bool:
        """Whether it has come into service once."""
        return self._deployment is not None

    def begin_update(self) -> None:
        """Go to ``Updating``.

        Raises:
            ValidationError: an operation is under way, or the endpoint never came into service.
        """
        with self._lock:
            if self.endpoint_status != "InService":
                state = "in-progress" if self.endpoint_status in _IN_PROGRESS else "unhealthy"
                raise ValidationError(f'Cannot update {state} endpoint "{self.arn}".')
            self._idle.clear()
            self.failure_reason = None
            self._set_status("Updating")

    def bring_up(self, backend: SageMakerModelBackend, config: FakeEndpointConfig, *, keep_counts: bool) -> None:
        """Deploy a configuration; the deployment before it goes once the new one serves, and stays if it does not."""
        counts = {name: fleet.desired for name, fleet in self._fleets().items()} if keep_counts else {}
        before = None
        try:
            deployment = deploy(backend, self.endpoint_name, config, counts)
        except Exception as error:
            expected = isinstance(error, (DeploymentFailed, ValidationError))
            if not expected:
                logger.exception("Endpoint %s broke", self.endpoint_name)
            with self._lock:
                self.failure_reason = str(error) if expected else f"InternalServerError: {error}"
                self._set_status("InService" if self._deployment else "Failed")
        else:
            with self._lock:
                before, self._deployment = self._deployment, deployment
                self.endpoint_config_name = config.endpoint_config_name
                self._set_status("InService")
        self._idle.set()
        if before:
            before.retire()

    def settle(self) -> None:
        """Wait until no operation is under way.

        Raises:
            ValidationError: the last one failed; the message is the failure reason.
        """
        self._idle.wait()
        if self.failure_reason:
            raise ValidationError(self.failure_reason)

    def scale(self, desired: Mapping[str, Mapping[str, Any]]) -> None:
        """Go to other weights and numbers of workers, by the name of the variant; ``begin_update`` went before."""
        deployment = self._deployment
        assert deployment is not None
        for name, variant in desired.items():
            if variant.get("DesiredWeight") is not None:
                deployment.weights[name] = float(variant["DesiredWeight"])
            if variant.get("DesiredInstanceCount") is not None:
                deployment.fleets[name].resize(int(variant["DesiredInstanceCount"]))
        while any(fleet.current != fleet.desired for fleet in deployment.fleets.values()):
            time.sleep(_SCALE_POLL_SECONDS)
        with self._lock:
            self._set_status("InService")
        self._idle.set()

    def invoke(self, body: bytes, headers: Mapping[str, str], target_variant: str | None) -> tuple[str, Answer]:
        """Send a request to a variant's worker and return the variant's name and the answer.

        Raises:
            NotInServiceError: the endpoint serves nothing.
            UnknownVariantError: it has no such variant.
            NoWorkerError, InvocationTimeoutError: see :meth:`Fleet.invoke`.
        """
        with ExitStack() as stack:
            with self._lock:
                if self._deployment is None:
                    raise NotInServiceError
                name, fleet = self._deployment.choose(target_variant)
                stack.enter_context(fleet.request())
            return name, fleet.invoke(body, headers)

    def shut_down(self) -> None:
        """End what serves; nothing happens the second time."""
        with self._lock:
            deployment, self._deployment = self._deployment, None
        if deployment:
            deployment.retire()

    def require_idle(self) -> None:
        """Check that the endpoint may be deleted.

        Raises:
            ValidationError: an operation is under way.
        """
        if self.endpoint_status in _IN_PROGRESS:
            raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')

    def _fleets(self) -> dict[str, Fleet]:
        return self._deployment.fleets if self._deployment else {}

    def _variants(self) -> list[dict[str, Any]] | None:
        deployment = self._deployment
        if deployment is None:
            return None
        return [
            {
                "VariantName": name,
                "CurrentWeight": deployment.weights[name],
                "DesiredWeight": deployment.weights[name],
                "CurrentInstanceCount": fleet.current,
                "DesiredInstanceCount": fleet.desired,
            }
            for name, fleet in deployment.fleets.items()
        ]

    def _set_status(self, status: str) -> None:
        self.endpoint_status = status
        self.last_modified_time = utcnow()
