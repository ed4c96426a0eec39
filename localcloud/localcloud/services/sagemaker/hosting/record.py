"""Record of an endpoint: its status, its deployments and its description."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint

from localcloud.services.sagemaker.hosting.deployment import Deployment
from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from localcloud.services.sagemaker.hosting.fleet import Fleet
from localcloud.services.sagemaker.hosting.invocation import Invocation, Invocations
from localcloud.services.sagemaker.hosting.metrics import EndpointMetrics, Instances
from localcloud.services.sagemaker.hosting.traffic import Traffic
from localcloud.services.sagemaker.hosting.variant import describe_pending
from localcloud.services.sagemaker.hosting.variant_properties import Retained
from localcloud.services.sagemaker.hosting.worker import Answer

_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_LONGEST_REASON = 1024


class EndpointBusy(ValidationError):
    """An operation is in progress."""


@dataclass
class PendingDeployment:
    """A deployment in progress, for DescribeEndpoint.

    Attributes:
        stage: Status of its variants.
        since: Start of that stage.
    """

    config: LocalEndpointConfig
    retained: Retained
    began: datetime = field(default_factory=utcnow)
    stage: str = "Creating"
    since: datetime = field(default_factory=utcnow)

    def enter(self, stage: str) -> None:
        """Enter another stage."""
        self.stage, self.since = stage, utcnow()

    def describe(self, deployment: Deployment | None) -> dict[str, Any]:
        """Return ``PendingDeploymentSummary``.

        Args:
            deployment: The deployment; None until all its variants are running.
        """
        status = {"VariantStatus": [{"Status": self.stage, "StartTime": self.since}]}
        summary: dict[str, Any] = {"EndpointConfigName": self.config.endpoint_config_name, "StartTime": self.began}
        for member, specs in (
            ("ProductionVariants", self.config.production_variants),
            ("ShadowProductionVariants", self.config.shadow_production_variants),
        ):
            if specs:
                pending = [
                    describe_pending(spec, self.retained.count(spec), self.retained.weight(spec)) for spec in specs
                ]
                up = {variant.name: variant.describe() for variant in deployment.all_variants} if deployment else {}
                summary[member] = [{**item, **up.get(item["VariantName"], {}), **status} for item in pending]
        return summary


class LocalEndpoint(FakeEndpoint):
    """An endpoint with its deployments; moto's is in service from the start and serves nothing.

    Attributes:
        traffic: The serving deployments.
        pending: The deployment in progress.
        deployed: Result of the latest creation or update; its exception is the reason of a failure.
        last_deployment_config: ``DeploymentConfig`` of the last request that had one.
    """

    def __init__(self, account_id: str, region_name: str, **request: Any):
        super().__init__(account_id=account_id, region_name=region_name, **request)
        self.endpoint_status = "Creating"
        self.failure_reason: str | None = None  # type: ignore[assignment]
        self.traffic = Traffic()
        self.pending: PendingDeployment | None = None
        self.deployed: Future[None] = Future()
        self.last_deployment_config: Mapping[str, Any] | None = None
        self.metrics = EndpointMetrics(account_id, region_name, self.endpoint_name, self._instances)
        self.account_id, self.region_name = account_id, region_name
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._invocations = Invocations(self.traffic, self.metrics)

    @property
    def response_object(self) -> dict[str, Any]:
        """Members of DescribeEndpoint's response."""
        serving, pending = self.traffic.serving, self.pending
        described = {
            "EndpointName": self.endpoint_name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.endpoint_config_name,
            "ProductionVariants": [variant.describe() for variant in serving.variants.values()] if serving else None,
            "ShadowProductionVariants": [serving.shadow.describe()] if serving and serving.shadow else None,
            "DataCaptureConfig": _describe_capture(serving),
            "EndpointStatus": self.endpoint_status,
            "FailureReason": self.failure_reason,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "LastDeploymentConfig": self.last_deployment_config,
            "PendingDeploymentSummary": pending.describe(self.traffic.next) if pending else None,
        }
        return {name: value for name, value in described.items() if value is not None}

    @property
    def is_serverless(self) -> bool:
        """True if the serving deployment has no instances."""
        return self.traffic.serving is not None and self.traffic.serving.config.is_serverless

    def is_created(self) -> bool:
        """Return True once the endpoint has been in service."""
        return self.traffic.serving is not None

    def begin(self, status: str) -> None:
        """Change from ``InService`` to the status of an operation.

        Raises:
            EndpointBusy: An operation is in progress.
            ValidationError: The endpoint was never in service.
        """
        with self._lock:
            self._require_idle()
            if self.endpoint_status != "InService":
                raise ValidationError(f'Cannot update unhealthy endpoint "{self.arn}".')
            self.failure_reason = None
            self._set_status(status)

    def begin_deletion(self) -> None:
        """Set the status ``Deleting``.

        Raises:
            EndpointBusy: An operation is in progress.
        """
        with self._lock:
            self._require_idle()
            self._set_status("Deleting")

    def go_to(self, status: str, reason: str | None = None) -> None:
        """Set the status, and the failure reason if there is one."""
        with self._lock:
            if reason:
                self.failure_reason = reason[:_LONGEST_REASON]
            self._set_status(status)

    def wait_until_idle(self) -> None:
        """Wait until no operation is in progress."""
        with self._lock:
            self._idle.wait_for(lambda: self.endpoint_status not in _IN_PROGRESS)

    def settle(self) -> None:
        """Wait until the latest creation or update has finished.

        Raises:
            ValidationError: It failed; the message is the failure reason.
        """
        self.deployed.result()

    def invoke(self, invocation: Invocation) -> tuple[str, Answer]:
        """Send a request to a worker; return the variant's name and the response.

        Raises:
            NotInServiceError, UnknownVariantError, ThrottledError, NoWorkerError, WorkerLost, InvocationTimeoutError:
                See :meth:`Invocations.send`.
        """
        return self._invocations.send(invocation)

    def retained(self) -> Retained:
        """Return the variants' current numbers of instances and weights."""
        variants = self.traffic.serving.all_variants if self.traffic.serving else []
        return Retained(
            {variant.name: count for variant in variants if (count := variant.desired_count) is not None},
            {variant.name: variant.weight for variant in variants},
        )

    def shut_down(self) -> None:
        """Retire all deployments."""
        for deployment in self.traffic.stop():
            deployment.retire()
        self.metrics.close()

    def _instances(self) -> dict[str, Instances]:
        found: dict[str, Instances] = {}
        for deployment in (self.traffic.serving, self.traffic.next):
            for variant in deployment.all_variants if deployment else []:
                before = found[variant.name].pids if variant.name in found else ()
                pids = tuple(worker.pid for worker in variant.pool.workers if worker.alive)
                found[variant.name] = Instances(before + pids, serverless=not isinstance(variant.pool, Fleet))
        return found

    def _require_idle(self) -> None:
        if self.endpoint_status in _IN_PROGRESS:
            raise EndpointBusy(f'Cannot update in-progress endpoint "{self.arn}".')

    def _set_status(self, status: str) -> None:
        self.endpoint_status = status
        self.last_modified_time = utcnow()
        self._idle.notify_all()


def _describe_capture(deployment: Deployment | None) -> dict[str, Any] | None:
    capture = deployment.capture if deployment else None
    return capture.config.describe(works=capture.works) if capture else None
