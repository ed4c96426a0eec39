"""InvokeEndpoint: forwards requests to an endpoint's workers.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html.
"""

import json
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime import urls
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from localcloud.services.sagemaker.hosting.deployment import UnknownVariantError
from localcloud.services.sagemaker.hosting.invocation import Invocation
from localcloud.services.sagemaker.hosting.record import LocalEndpoint
from localcloud.services.sagemaker.hosting.serverless import ThrottledError
from localcloud.services.sagemaker.hosting.traffic import NotInServiceError
from localcloud.services.sagemaker.hosting.worker import LOG_GROUP_PREFIX, Answer, InvocationTimeoutError, WorkerLost
from localcloud.services.sagemaker.hosting.worker_pool import NoWorkerError

_LARGEST_BODY_BYTES = 6 * 1024 * 1024
# See https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-model-options.html.
_LARGEST_SERVERLESS_BODY_BYTES = 4 * 1024 * 1024
_FORWARDED = {
    "Content-Type": "Content-Type",
    "Accept": "Accept",
    "X-Amzn-SageMaker-Custom-Attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id": "X-Amzn-SageMaker-Inference-Id",
}


class LocalSageMakerRuntimeResponse(SageMakerRuntimeResponse):
    """SageMaker's runtime API."""

    use_raw_body = True

    def invoke_endpoint(self) -> TYPE_RESPONSE:
        """Handle InvokeEndpoint."""
        name = self.path.split("/")[2]
        endpoint = sagemaker_backends[self.current_account][self.region].endpoints.get(name)
        if not isinstance(endpoint, LocalEndpoint):
            return _error(400, "ValidationError", f"Endpoint {name} of account {self.current_account} not found.")
        body = self.body if isinstance(self.body, bytes) else str(self.body or "").encode()
        largest = _LARGEST_SERVERLESS_BODY_BYTES if endpoint.is_serverless else _LARGEST_BODY_BYTES
        if len(body) > largest:
            return _error(413, "ValidationError", f"HTTP content length exceeded {largest} bytes: {len(body)}.")
        headers = {target: self.headers[name] for name, target in _FORWARDED.items() if self.headers.get(name)}
        target_variant = self.headers.get("X-Amzn-SageMaker-Target-Variant")
        try:
            variant, answer = endpoint.invoke(Invocation(body, headers, target_variant))
        except ThrottledError as error:
            return _error(400, "ThrottlingException", str(error))
        except NotInServiceError:
            return _error(400, "ValidationError", f"Endpoint {name} of account {self.current_account} not found.")
        except UnknownVariantError as error:
            return _error(400, "ValidationError", f"Variant {error} not found for Request.")
        except NoWorkerError as error:
            return _error(503, "ServiceUnavailable", str(error))
        except WorkerLost as error:
            return self._model_error(name, Answer(0, {}, str(error).encode()))
        except InvocationTimeoutError:
            return self._model_error(name, Answer(0, {}, b"Your invocation timed out while waiting for a response"))
        if answer.status >= 400:
            return self._model_error(name, answer)
        answered = {"Content-Type": answer.headers.get("Content-Type", "application/octet-stream")}
        attributes = answer.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            answered["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return 200, {**answered, "x-Amzn-Invoked-Production-Variant": variant}, answer.body

    def _model_error(self, endpoint_name: str, answer: Answer) -> TYPE_RESPONSE:
        original = answer.body.decode("utf-8", "replace")
        group = f"{LOG_GROUP_PREFIX}{endpoint_name}"
        side = "client" if 400 <= answer.status < 500 else "server"
        return _error(
            424,
            "ModelError",
            f'Received {side} error ({answer.status}) from primary with message "{original}". See '
            f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
            f"#logEventViewer:group={group} in account {self.current_account} for more information.",
            ErrorCode=f"{side.upper()}_ERROR_FROM_MODEL",
            OriginalStatusCode=answer.status,
            OriginalMessage=original,
            LogStreamArn=f"arn:aws:logs:{self.region}:{self.current_account}:log-group:{group}",
        )


def install() -> None:
    """Make InvokeEndpoint reach the endpoints' workers."""
    urls.url_paths["{0}/endpoints/(?P<name>[^/]+)/invocations$"] = LocalSageMakerRuntimeResponse.dispatch


def _error(status: int, code: str, message: str, **more: Any) -> TYPE_RESPONSE:
    headers = {"status": str(status), "Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Message": message, **more})
