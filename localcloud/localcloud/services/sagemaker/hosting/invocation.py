"""Invocation of an endpoint: sends a request to a worker, retries, and records metrics, capture and shadow traffic."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from localcloud.services.sagemaker.hosting.data_capture import Payload
from localcloud.services.sagemaker.hosting.deployment import Deployment
from localcloud.services.sagemaker.hosting.metrics import EndpointMetrics, Source
from localcloud.services.sagemaker.hosting.serverless import ThrottledError
from localcloud.services.sagemaker.hosting.traffic import Traffic
from localcloud.services.sagemaker.hosting.variant import Variant
from localcloud.services.sagemaker.hosting.worker import Answer, InvocationTimeoutError, WorkerLost
from localcloud.services.sagemaker.hosting.worker_pool import PATIENCE_SECONDS, NoWorkerError

_UNTYPED = "application/octet-stream"
_CLIENT_FAULT = 400
_SERVER_FAULT = 500
# During an update, do not wait long for one fleet's worker while the other fleet can answer.
_PATIENCE_WITH_ANOTHER_SECONDS = 2.0


@dataclass(frozen=True)
class Invocation:
    """A request of InvokeEndpoint.

    Attributes:
        headers: Headers for the container.
        target_variant: The requested production variant, if any.
    """

    body: bytes
    headers: Mapping[str, str]
    target_variant: str | None = None

    @property
    def payload(self) -> Payload:
        """Body with its content type."""
        return Payload(self.headers.get("Content-Type", _UNTYPED), self.body)

    @property
    def inference_id(self) -> str | None:
        """``InferenceId``."""
        return self.headers.get("X-Amzn-SageMaker-Inference-Id")

    @property
    def custom_attributes(self) -> str | None:
        """``CustomAttributes``."""
        return self.headers.get("X-Amzn-SageMaker-Custom-Attributes")


class Invocations:
    """Invocations of one endpoint.

    Args:
        traffic: The endpoint's deployments.
        metrics: The endpoint's metrics.
    """

    def __init__(self, traffic: Traffic, metrics: EndpointMetrics):
        self._traffic = traffic
        self._metrics = metrics

    def send(self, invocation: Invocation) -> tuple[str, Answer]:
        """Return the name of the responding variant, and its response.

        Raises:
            NotInServiceError: The endpoint is not in service.
            UnknownVariantError: The endpoint has no such variant.
            ThrottledError: The serverless endpoint is at its maximum concurrency.
            NoWorkerError: No worker was available.
            WorkerLost: Every worker that took the request ended.
            InvocationTimeoutError: The worker did not answer in time.
        """
        began = time.perf_counter()
        tried: list[Deployment] = []
        with ExitStack() as stack:
            while True:
                deployment, variant, another = self._traffic.enter(stack, invocation.target_variant, tried)
                if not tried:
                    deployment.send_to_shadow(partial(self._shadow, deployment, invocation))
                try:
                    patience = _PATIENCE_WITH_ANOTHER_SECONDS if another else PATIENCE_SECONDS
                    return variant.name, self._invoke(deployment, variant, invocation, patience, began)
                except NoWorkerError:
                    if not another:
                        self._record(deployment, variant, _SERVER_FAULT, None, began)
                        raise
                    tried.append(deployment)

    def _shadow(self, deployment: Deployment, invocation: Invocation, variant: Variant) -> None:
        with variant.pool.request():
            self._invoke(deployment, variant, invocation, PATIENCE_SECONDS, time.perf_counter())

    def _invoke(
        self, deployment: Deployment, variant: Variant, invocation: Invocation, patience: float, began: float
    ) -> Answer:
        try:
            answer = variant.pool.invoke(invocation.body, invocation.headers, patience)
        except ThrottledError:
            self._record(deployment, variant, _CLIENT_FAULT, None, began)
            raise
        except (InvocationTimeoutError, WorkerLost):
            self._record(deployment, variant, _SERVER_FAULT, None, began)
            raise
        self._record(deployment, variant, answer.status, answer.seconds, began)
        if deployment.capture and answer.status < _CLIENT_FAULT:
            answered = Payload(answer.headers.get("Content-Type", _UNTYPED), answer.body)
            deployment.capture.take(
                variant.name, invocation.payload, answered, invocation.inference_id, invocation.custom_attributes
            )
        return answer

    def _record(self, deployment: Deployment, variant: Variant, status: int, model: float | None, began: float) -> None:
        overhead = max(0.0, time.perf_counter() - began - (model or 0.0))
        source = Source(variant.name, deployment.config.endpoint_config_name)
        self._metrics.record(source, status, model=model, overhead=overhead, instances=variant.instance_count)
