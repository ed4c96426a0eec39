"""SageMaker's API of processing jobs."""

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.responses import SageMakerResponse

_REQUEST = (
    "ProcessingJobName",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "Tags",
    "ExperimentConfig",
)


class ProcessingResponses(SageMakerResponse):
    """Operations that moto supports only in part."""

    def create_processing_job(self) -> ActionResult:
        """Handle CreateProcessingJob."""
        request: dict[str, Any] = {camelcase_to_underscores(name): self._get_param(name) for name in _REQUEST}
        return ActionResult(self.sagemaker_backend.create_processing_job(**request).response_create)
