"""SageMaker pipelines: moto stores them, and an execution runs their steps."""

import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakePipeline, SageMakerModelBackend
from moto.sagemaker.utils import get_pipeline_execution_from_arn, get_pipeline_from_name

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.services.sagemaker.pipelines.cache import StepCache
from localcloud.services.sagemaker.pipelines.expressions import ExpressionError, ParameterError, bind_parameters
from localcloud.services.sagemaker.pipelines.graph import DefinitionError, PlannedStep, plan
from localcloud.services.sagemaker.pipelines.record import LocalPipelineExecution
from localcloud.services.sagemaker.pipelines.run import PipelineRun

# As many as StartPipelineExecution takes values.
_MOST_PARAMETERS = 200


class Pipelines(SageMakerModelBackend):
    """SageMaker's pipelines and their executions."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._pipeline_runs: dict[str, PipelineRun] = {}
        self._step_caches: defaultdict[str, StepCache] = defaultdict(StepCache)

    def create_pipeline(self, pipeline_name: str, **request: Any) -> FakePipeline:  # type: ignore[override]
        """Create a pipeline.

        Raises:
            ValidationError: The definition is invalid, or the name is taken.
        """
        pipeline = super().create_pipeline(pipeline_name=pipeline_name, **request)
        try:
            _steps(_document(pipeline.pipeline_definition))
        except ValidationError:
            del self.pipelines[pipeline_name]
            raise
        self._step_caches.pop(pipeline.arn, None)  # A deleted pipeline of the same name may have left it.
        return pipeline

    def update_pipeline(self, pipeline_name: str, **request: Any) -> str:
        """Update a pipeline; running executions keep the definition that they started with.

        Raises:
            ValidationError: The definition is invalid, or the pipeline does not exist.
        """
        if request.get("pipeline_definition"):
            _steps(_document(request["pipeline_definition"]))
        arn = super().update_pipeline(pipeline_name, **request)
        self.pipelines[pipeline_name].last_modified_time = utcnow()
        return arn

    def start_pipeline_execution(
        self,
        pipeline_name: str,
        pipeline_execution_display_name: str,
        pipeline_parameters: list[dict[str, Any]],
        pipeline_execution_description: str,
        parallelism_configuration: dict[str, int],
        client_request_token: str,
    ) -> dict[str, str]:
        """Start an execution.

        Raises:
            ValidationError: The pipeline does not exist, a parameter is invalid, or SageMaker may not assume the role.
        """
        pipeline = get_pipeline_from_name(self.pipelines, _name(pipeline_name))
        for execution in list(pipeline.pipeline_executions.values()):
            if client_request_token and execution.client_request_token == client_request_token:
                return {"PipelineExecutionArn": execution.arn}
        document = _document(pipeline.pipeline_definition)
        try:
            parameters = bind_parameters(document.get("Parameters") or [], pipeline_parameters or [])
            session = assume_role(pipeline.role_arn, SAGEMAKER, "SageMaker", self.region_name)
        except (ParameterError, AccessDenied) as error:
            raise ValidationError(str(error)) from error
        execution = LocalPipelineExecution(
            pipeline,
            pipeline_execution_display_name=pipeline_execution_display_name,
            pipeline_parameters=pipeline_parameters or [],
            pipeline_execution_description=pipeline_execution_description,
            parallelism_configuration=parallelism_configuration or pipeline.parallelism_configuration,
            client_request_token=client_request_token,
        )
        cache = self._step_caches[pipeline.arn]
        run = PipelineRun(execution, _steps(document), parameters, session, cache)
        pipeline.pipeline_executions[execution.arn] = execution
        pipeline.last_execution_time = execution.start_time
        self._pipeline_runs[execution.arn] = run
        execution.announce()
        threading.Thread(target=run.run, name=execution.arn, daemon=True).start()
        return {"PipelineExecutionArn": execution.arn}

    def retry_pipeline_execution(
        self,
        pipeline_execution_arn: str,
        client_request_token: str,
        parallelism_configuration: dict[str, int] | None = None,
    ) -> None:
        """Resume a failed or stopped execution; steps that succeeded are not run again.

        It keeps its ARN, its parameters and its original definition. See
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RetryPipelineExecution.html.

        Raises:
            ValidationError: The execution does not exist, is neither failed nor stopped, or was ended by a Fail step,
                or SageMaker may no longer assume the pipeline's role.
        """
        execution = self._execution(pipeline_execution_arn)
        if client_request_token in execution.retry_tokens:
            return
        if execution.pipeline_execution_status not in ("Failed", "Stopped"):
            raise ValidationError(
                f"Only pipeline executions in 'Failed' or 'Stopped' status can be retried; the status of "
                f"{pipeline_execution_arn} is {execution.pipeline_execution_status!r}."
            )
        if ended_by := execution.fail_step:
            raise ValidationError(
                f"Pipeline execution {pipeline_execution_arn} cannot be retried: the Fail step {ended_by!r} ended it."
            )
        try:
            session = assume_role(execution.role_arn, SAGEMAKER, "SageMaker", self.region_name)
        except AccessDenied as error:
            raise ValidationError(str(error)) from error
        run = self._pipeline_runs[execution.arn].again(session)
        execution.retry_tokens.add(client_request_token)
        execution.parallelism_configuration = parallelism_configuration or execution.parallelism_configuration
        execution.begin_again()
        self._pipeline_runs[execution.arn] = run
        threading.Thread(target=run.run, name=execution.arn, daemon=True).start()

    def stop_pipeline_execution(self, pipeline_execution_arn: str) -> None:
        """Ask an execution to stop.

        Raises:
            ValidationError: The execution does not exist or is over.
        """
        execution = self._execution(pipeline_execution_arn)
        if execution.pipeline_execution_status not in ("Executing", "Stopping"):
            raise ValidationError(
                f"Only pipelines in 'Executing' status can be stopped; the status of {pipeline_execution_arn} is "
                f"{execution.pipeline_execution_status!r}."
            )
        self._pipeline_runs[pipeline_execution_arn].request_stop()

    def describe_pipeline_execution(self, pipeline_execution_arn: str) -> dict[str, Any]:
        """Describe an execution, including its failure reason."""
        execution = self._execution(pipeline_execution_arn)
        described = super().describe_pipeline_execution(pipeline_execution_arn)
        described["FailureReason"] = execution.pipeline_execution_failure_reason
        described["RoleArn"] = execution.role_arn
        return _without_people(described)

    def list_pipeline_executions(self, pipeline_name: str) -> dict[str, Any]:
        """List a pipeline's executions, newest first."""
        pipeline = get_pipeline_from_name(self.pipelines, _name(pipeline_name))
        executions = list(pipeline.pipeline_executions.values())
        summaries = [execution.summary() for execution in executions if isinstance(execution, LocalPipelineExecution)]
        return {"PipelineExecutionSummaries": summaries[::-1]}

    def list_pipeline_execution_steps(self, pipeline_execution_arn: str) -> list[dict[str, Any]]:
        """List the started steps of an execution, in order of their start."""
        execution = self._execution(pipeline_execution_arn)
        stopping = execution.pipeline_execution_status == "Stopping"
        return [record.describe(stopping=stopping) for record in list(execution.steps)]

    def describe_pipeline(self, pipeline_name: str) -> dict[str, Any]:
        """Describe a pipeline, by name or ARN."""
        return _without_people(super().describe_pipeline(_name(pipeline_name)))

    def _execution(self, arn: str) -> LocalPipelineExecution:
        execution = get_pipeline_execution_from_arn(self.pipelines, arn)
        assert isinstance(execution, LocalPipelineExecution)
        return execution


def _without_people(described: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out empty members, and the Studio users that moto makes up."""
    return {name: value for name, value in described.items() if value and not name.endswith("By")}


def _name(name_or_arn: str) -> str:
    return name_or_arn.rpartition("/")[2]


def _document(definition: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition as an object; moto has already decoded one from S3."""
    if not isinstance(definition, str):
        return dict(definition)
    try:
        document: dict[str, Any] = json.loads(definition)
    except ValueError as error:
        raise ValidationError(f"Pipeline definition: invalid JSON: {error}") from error
    return document


def _steps(document: dict[str, Any]) -> dict[str, PlannedStep]:
    """Return the validated steps of a definition."""
    parameters = document.get("Parameters") or []
    if len(parameters) > _MOST_PARAMETERS:
        raise ValidationError(
            f"Pipeline definition: {len(parameters)} parameters; at most {_MOST_PARAMETERS} are allowed."
        )
    steps: list[dict[str, Any]] = document.get("Steps") or []
    if not steps:
        raise ValidationError("Pipeline definition: Steps is missing or empty.")
    try:
        return plan(steps)
    except (DefinitionError, ExpressionError, KeyError) as error:
        raise ValidationError(f"Pipeline definition: {error}") from error
