"""SageMaker's API of transform jobs."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.responses import SageMakerResponse

from localcloud.services.sagemaker.transform.backend import TransformJobs

_REQUEST = (
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "DataCaptureConfig",
    "TransformResources",
    "DataProcessing",
    "Tags",
    "ExperimentConfig",
)


class TransformResponses(SageMakerResponse):
    """Operations that moto lacks or supports only in part."""

    def create_transform_job(self) -> ActionResult:
        """Handle CreateTransformJob."""
        request: dict[str, Any] = {_python_name(name): self._get_param(name) for name in _REQUEST}
        return ActionResult(self.sagemaker_backend.create_transform_job(**request).response_create)

    def stop_transform_job(self) -> ActionResult:
        """Handle StopTransformJob."""
        backend = self.sagemaker_backend
        assert isinstance(backend, TransformJobs)
        backend.stop_transform_job(self._get_param("TransformJobName"))
        return EmptyResult()


def _python_name(member: str) -> str:
    return camelcase_to_underscores(member.replace("MB", "Mb"))
