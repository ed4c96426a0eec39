"""Runs (executions of an environment's SageMaker pipeline) and their steps."""

import itertools
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError, is_missing
from topicsmith.runs import jobs
from topicsmith.runs.jobs import Job, JobKind

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionStepTypeDef

_RUNNING = {"Executing", "Stopping"}
_RUNS_TO_NAME = 5


@dataclass(frozen=True)
class Step:
    """Step of a run.

    Attributes:
        status: SageMaker's StepStatus: Starting, Executing, Stopping, Stopped, Failed or Succeeded.
        failure: SageMaker's FailureReason.
        job: Job that the step started; for a cached step, the original job.
        function: Name of the Lambda function that the step calls.
        model_package: ARN of the model package that the step registered.
        outputs: Output parameters of a Lambda step.
        cached_from: Id of the run whose result was reused from the cache.
        passed: Outcome of a condition.
        is_end: Whether this is a Fail step, which ends the run for good.
    """

    name: str
    status: str
    started: datetime | None
    ended: datetime | None
    failure: str | None
    job: Job | None
    function: str | None
    model_package: str | None
    outputs: Mapping[str, str]
    cached_from: str | None = None
    passed: bool | None = None
    is_end: bool = False

    @property
    def training_job(self) -> str | None:
        """Name of the training job that the step started."""
        return self.job.name if self.job and self.job.kind is JobKind.TRAINING else None

    @property
    def seconds(self) -> float | None:
        """Duration of the step so far."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def reason(self) -> str:
        """Reason for the failure; for an error in a Lambda function, its type and message without the stack trace."""
        found = dict(re.findall(r'"(errorType|errorMessage)": *("(?:[^"\\]|\\.)*")', self.failure or ""))
        if "errorMessage" not in found:
            return self.failure or "SageMaker gives no reason."
        return ": ".join(json.loads(found[key]) for key in ("errorType", "errorMessage") if key in found)

    def record(self) -> dict[str, object]:
        """Return the step as ``--json`` prints it."""
        return {
            "name": self.name,
            "status": self.status,
            "started": self.started,
            "seconds": self.seconds,
            "failure": self.failure,
            "job": self.job.record() if self.job else None,
            "cached_from": self.cached_from,
            "passed": self.passed,
            "model_package": self.model_package,
            "outputs": dict(self.outputs),
        }


@dataclass(frozen=True)
class RunSummary:
    """Entry in a list of runs. ``status`` is SageMaker's PipelineExecutionStatus."""

    arn: str
    status: str
    started: datetime

    @property
    def id(self) -> str:
        """ID of the execution, which is also the prefix of the run's outputs."""
        return id_of(self.arn)

    def record(self) -> dict[str, object]:
        """Return the run as ``--json`` prints it."""
        return {"id": self.id, "status": self.status, "started": self.started, "arn": self.arn}


@dataclass(frozen=True)
class Run:
    """Run with the steps started so far, in order."""

    arn: str
    status: str
    started: datetime
    changed: datetime
    failure: str | None
    parameters: Mapping[str, str]
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        """ID of the execution, which is also the prefix of the run's outputs."""
        return id_of(self.arn)

    @property
    def is_over(self) -> bool:
        """True once the run has finished."""
        return self.status not in _RUNNING

    @property
    def succeeded(self) -> bool:
        """True if the run succeeded."""
        return self.status == "Succeeded"

    @property
    def seconds(self) -> float:
        """Duration of the run so far."""
        return ((self.changed if self.is_over else datetime.now(UTC)) - self.started).total_seconds()

    @property
    def model_package(self) -> str | None:
        """ARN of the model package that the run registered."""
        return next((step.model_package for step in self.steps if step.model_package), None)

    @property
    def model_version(self) -> int | None:
        """Model version that the run registered."""
        return int(id_of(self.model_package)) if self.model_package else None

    def step(self, name: str) -> Step | None:
        """Return the step ``name``, or None if it has not started."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def failed_steps(self) -> list[Step]:
        """Steps that failed."""
        return [step for step in self.steps if step.status == "Failed"]

    @property
    def ended_by(self) -> Step | None:
        """Fail step that ended the run, which SageMaker does not retry then."""
        return next((step for step in self.steps if step.is_end), None)

    def record(self) -> dict[str, object]:
        """Return the run as ``--json`` prints it."""
        return {
            "id": self.id,
            "status": self.status,
            "started": self.started,
            "seconds": self.seconds,
            "failure": self.failure,
            "parameters": dict(self.parameters),
            "model_version": self.model_version,
            "arn": self.arn,
            "steps": [step.record() for step in self.steps],
        }


@dataclass(frozen=True)
class Pipeline:
    """Deployed pipeline.

    Attributes:
        steps: Names of the steps of a successful run, in order.
        defaults: Default values of its parameters.
        definition: Pipeline definition.
    """

    name: str
    arn: str
    steps: tuple[str, ...]
    defaults: Mapping[str, str]
    definition: Mapping[str, Any]


def id_of(arn: str) -> str:
    """Return the last part of an ARN: an execution's ID, a package's version or a job's name."""
    return arn.rpartition("/")[2]


def pipeline(sagemaker: "SageMakerClient", name: str) -> Pipeline:
    """Return the deployed pipeline ``name``.

    Raises:
        OperatorError: The pipeline does not exist.
    """
    from botocore.exceptions import ClientError

    try:
        answer = sagemaker.describe_pipeline(PipelineName=name)
    except ClientError as error:
        if not is_missing(error):
            raise
        raise OperatorError(
            f"Pipeline {name} does not exist, although its stack defines it: it was deleted manually.",
            "Deploy the environment again.",
        ) from error
    definition = json.loads(answer["PipelineDefinition"])
    return Pipeline(
        name=name,
        arn=answer["PipelineArn"],
        steps=tuple(_names(definition["Steps"])),
        defaults={
            parameter["Name"]: str(parameter["DefaultValue"])
            for parameter in definition.get("Parameters", [])
            if "DefaultValue" in parameter
        },
        definition=definition,
    )


def _names(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of steps; a condition is followed by the steps that run if it holds."""
    for step in steps:
        yield step["Name"]
        if step.get("Type") == "Condition":
            yield from _names(step["Arguments"]["IfSteps"])


def start(sagemaker: "SageMakerClient", name: str, parameters: Mapping[str, str]) -> str:
    """Start a run of pipeline ``name`` and return its ARN."""
    answer = sagemaker.start_pipeline_execution(
        PipelineName=name,
        PipelineParameters=[{"Name": key, "Value": value} for key, value in parameters.items()],
        ClientRequestToken=uuid.uuid4().hex,
    )
    return answer["PipelineExecutionArn"]


def latest(sagemaker: "SageMakerClient", of: Pipeline, limit: int) -> list[RunSummary]:
    """Return the latest ``limit`` runs of a pipeline, newest first."""
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=of.name, SortBy="CreationTime", SortOrder="Descending"
    )
    summaries = (summary for page in pages for summary in page["PipelineExecutionSummaries"])
    return [
        RunSummary(
            arn=summary["PipelineExecutionArn"],
            status=summary["PipelineExecutionStatus"],
            started=summary["StartTime"],
        )
        for summary in itertools.islice(summaries, limit)
    ]


def get(sagemaker: "SageMakerClient", arn: str) -> Run:
    """Return the current state of a run and its steps."""
    run = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    parameters = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return Run(
        arn=arn,
        status=run["PipelineExecutionStatus"],
        started=run["CreationTime"],
        changed=run["LastModifiedTime"],
        failure=run.get("FailureReason") or None,
        parameters={parameter["Name"]: parameter["Value"] for parameter in parameters["PipelineParameters"]},
        steps=tuple(_step(step) for page in pages for step in page["PipelineExecutionSteps"]),
    )


def find(sagemaker: "SageMakerClient", deployment: Deployment, of: Pipeline, run_id: str) -> Run:
    """Return the run ``run_id`` of an environment's pipeline.

    Raises:
        OperatorError: The run does not exist; the message names the latest runs.
    """
    from botocore.exceptions import ClientError

    try:
        return get(sagemaker, f"{of.arn}/execution/{id_of(run_id)}")
    except ClientError as error:
        if not is_missing(error):
            raise
        there = ", ".join(run.id for run in latest(sagemaker, of, _RUNS_TO_NAME))
        raise OperatorError(
            f"Pipeline {of.name} has no run {run_id}. "
            + (f"The latest runs: {there}." if there else "It has no runs yet."),
            f"List them: {deployment.command('runs')}"
            if there
            else f"Start one: {deployment.command('run corpus.csv')}",
        ) from error


def retry(sagemaker: "SageMakerClient", run: Run) -> None:
    """Resume a failed or stopped run; steps that succeeded are not repeated."""
    sagemaker.retry_pipeline_execution(PipelineExecutionArn=run.arn, ClientRequestToken=uuid.uuid4().hex)


def stop(sagemaker: "SageMakerClient", run: Run) -> None:
    """Stop a run and the jobs that it started."""
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=run.arn, ClientRequestToken=uuid.uuid4().hex)


def _step(step: "PipelineExecutionStepTypeDef") -> Step:
    metadata = step.get("Metadata", {})
    function = metadata.get("Lambda", {})
    function_arn = function.get("Arn")
    outcome = metadata.get("Condition", {}).get("Outcome")
    source = step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    return Step(
        name=step.get("StepName", ""),
        status=step.get("StepStatus", ""),
        started=step.get("StartTime"),
        ended=step.get("EndTime"),
        failure=step.get("FailureReason"),
        job=jobs.of_step(metadata),
        # arn:aws:lambda:us-east-1:123456789012:function:name, perhaps with :version
        function=function_arn.split(":")[6] if function_arn else None,
        model_package=metadata.get("RegisterModel", {}).get("Arn"),
        outputs={output["Name"]: output["Value"] for output in function.get("OutputParameters", [])},
        cached_from=id_of(source) if source else None,
        passed=outcome == "True" if outcome else None,
        is_end="Fail" in metadata,
    )
