"""SageMaker's backend and API, assembled from the parts in this folder."""

from collections.abc import Sequence
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.sagemaker import urls
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from localcloud.services.modelregistry.models import ModelRegistry
from localcloud.services.sagemaker.common.answers import without_unset
from localcloud.services.sagemaker.hosting.backend import Endpoints
from localcloud.services.sagemaker.hosting.responses import EndpointResponses
from localcloud.services.sagemaker.pipelines.backend import Pipelines
from localcloud.services.sagemaker.processing.backend import ProcessingJobs
from localcloud.services.sagemaker.processing.responses import ProcessingResponses
from localcloud.services.sagemaker.transform.backend import TransformJobs
from localcloud.services.sagemaker.transform.responses import TransformResponses
from localcloud.services.sagemaker.tuning.backend import TuningJobs
from localcloud.services.sagemaker.tuning.responses import TuningResponses

_LARGEST_PAGE = 100

# Stored members of CreateTrainingJob's request, with their defaults.
_TRAINING_JOB: dict[str, Any] = {
    "TrainingJobName": None,
    "HyperParameters": None,
    "AlgorithmSpecification": None,
    "RoleArn": None,
    "InputDataConfig": None,
    "OutputDataConfig": None,
    "ResourceConfig": None,
    "VpcConfig": None,
    "StoppingCondition": None,
    "Tags": None,
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
    "CheckpointConfig": None,
    "DebugHookConfig": None,
    "DebugRuleConfigurations": None,
    "TensorBoardOutputConfig": None,
    "ExperimentConfig": None,
    "Environment": None,
    "InfraCheckConfig": None,
    "ProfilerConfig": None,
    "ProfilerRuleConfigurations": None,
    "RemoteDebugConfig": None,
    "RetryStrategy": None,
    "SessionChainingConfig": None,
}


class LocalSageMaker(TuningJobs, ProcessingJobs, TransformJobs, Pipelines, ModelRegistry, Endpoints):
    """moto's SageMaker, extended to run jobs, pipelines and endpoints."""

    @property
    def _url_module(self) -> Any:
        return urls


class LocalSageMakerResponse(
    TuningResponses, ProcessingResponses, TransformResponses, EndpointResponses, SageMakerResponse
):
    """SageMaker's API, with operations that moto lacks or supports only in part."""

    @property
    def sagemaker_backend(self) -> LocalSageMaker:
        """SageMaker backend of the caller's account and region."""
        backend = super().sagemaker_backend
        assert isinstance(backend, LocalSageMaker)
        return backend

    def serialized(self, action_result: ActionResult) -> Any:
        """Serialize an answer without the structures that moto leaves empty where SageMaker leaves them out."""
        result: Any = action_result.result
        if isinstance(result, dict):
            shape = get_service_model("sagemaker").operation_model(self._get_action()).output_shape
            action_result = ActionResult(without_unset(shape, result))
        return super().serialized(action_result)

    def create_model(self) -> ActionResult:
        """Handle CreateModel."""
        model = self.sagemaker_backend.create_model(
            self._get_param("ModelName"),
            self._get_param("ExecutionRoleArn"),
            self._get_param("PrimaryContainer"),
            self._get_param("VpcConfig"),
            self._get_param("Containers"),
            self._get_param("Tags"),
            enable_network_isolation=self._get_param("EnableNetworkIsolation", False),
        )
        return ActionResult(model.response_create)

    def create_training_job(self) -> ActionResult:
        """Handle CreateTrainingJob."""
        request = {
            camelcase_to_underscores(name): self._get_param(name, default) for name, default in _TRAINING_JOB.items()
        }
        return ActionResult(self.sagemaker_backend.create_training_job(**request).response_create)

    def stop_training_job(self) -> ActionResult:
        """Handle StopTrainingJob."""
        self.sagemaker_backend.stop_training_job(self._get_param("TrainingJobName"))
        return EmptyResult()

    def list_pipeline_executions(self) -> ActionResult:
        """Handle ListPipelineExecutions."""
        answer = self.sagemaker_backend.list_pipeline_executions(self._get_param("PipelineName"))
        summaries = [
            summary
            for summary in answer["PipelineExecutionSummaries"]
            if self._is_created_between(summary["StartTime"])
        ]
        ascending = self._get_param("SortOrder") == "Ascending"
        return self._page("PipelineExecutionSummaries", summaries[::-1] if ascending else summaries)

    def list_pipeline_execution_steps(self) -> ActionResult:
        """Handle ListPipelineExecutionSteps."""
        steps = self.sagemaker_backend.list_pipeline_execution_steps(self._get_param("PipelineExecutionArn"))
        return self._page(
            "PipelineExecutionSteps", steps[::-1] if self._get_param("SortOrder") == "Descending" else steps
        )

    def retry_pipeline_execution(self) -> ActionResult:
        """Handle RetryPipelineExecution."""
        arn = self._get_param("PipelineExecutionArn")
        self.sagemaker_backend.retry_pipeline_execution(
            arn, self._get_param("ClientRequestToken"), self._get_param("ParallelismConfiguration")
        )
        return ActionResult({"PipelineExecutionArn": arn})

    def stop_pipeline_execution(self) -> ActionResult:
        """Handle StopPipelineExecution."""
        arn = self._get_param("PipelineExecutionArn")
        self.sagemaker_backend.stop_pipeline_execution(arn)
        return ActionResult({"PipelineExecutionArn": arn})

    def delete_model_package(self) -> ActionResult:
        """Handle DeleteModelPackage."""
        self.sagemaker_backend.delete_model_package(self._get_param("ModelPackageName"))
        return EmptyResult()

    def delete_model_package_group(self) -> ActionResult:
        """Handle DeleteModelPackageGroup."""
        self.sagemaker_backend.delete_model_package_group(self._get_param("ModelPackageGroupName"))
        return EmptyResult()

    def put_model_package_group_policy(self) -> ActionResult:
        """Handle PutModelPackageGroupPolicy."""
        name, policy = self._get_param("ModelPackageGroupName"), self._get_param("ResourcePolicy")
        arn = self.sagemaker_backend.put_model_package_group_policy(name, policy)
        return ActionResult({"ModelPackageGroupArn": arn})

    def get_model_package_group_policy(self) -> ActionResult:
        """Handle GetModelPackageGroupPolicy."""
        policy = self.sagemaker_backend.get_model_package_group_policy(self._get_param("ModelPackageGroupName"))
        return ActionResult({"ResourcePolicy": policy})

    def delete_model_package_group_policy(self) -> ActionResult:
        """Handle DeleteModelPackageGroupPolicy."""
        self.sagemaker_backend.delete_model_package_group_policy(self._get_param("ModelPackageGroupName"))
        return EmptyResult()

    def _is_created_between(self, time: Any) -> bool:
        after, before = self._get_param("CreatedAfter"), self._get_param("CreatedBefore")
        return (after is None or time > after) and (before is None or time < before)

    def _page(self, member: str, items: Sequence[Any]) -> ActionResult:
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or _LARGEST_PAGE)
        return ActionResult({member: items[start:end], "NextToken": str(end) if end < len(items) else None})


def install() -> None:
    """Replace moto's SageMaker and its API."""
    sagemaker_backends.backend = LocalSageMaker
    urls.url_paths["{0}/$"] = LocalSageMakerResponse.dispatch
