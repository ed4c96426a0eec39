"""Steps of a pipeline that run a job: create it through the API, wait for its end, stop it on request."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localcloud.services.sagemaker.pipelines.expressions import PropertyFile
from localcloud.services.sagemaker.pipelines.retries import JOB_INTERNAL_ERROR, exception_type_of_reason
from localcloud.services.sagemaker.pipelines.step_context import StepContext, StepFailed, StepStopped

_POLL_SECONDS = 0.5
_MOST_SUMMARIES = 50


@dataclass(frozen=True)
class _JobKind:
    """Operations and members of SageMaker's API for one kind of job.

    Attributes:
        noun: As in ``Create<noun>`` and ``<noun>Name``.
        metadata: Member of a step's metadata for the job's ARN.
        operation: As in the methods of boto3's client.
        name_of: Generates a job's name.
        final: Exception types that are never retried, regardless of the retry policies.
    """

    noun: str
    metadata: str
    operation: str
    name_of: Callable[[StepContext], str] = lambda context: context.job_name
    final: Collection[str] = ()


_TRAINING = _JobKind("TrainingJob", "TrainingJob", "training_job")
_PROCESSING = _JobKind("ProcessingJob", "ProcessingJob", "processing_job")
_TRANSFORM = _JobKind("TransformJob", "TransformJob", "transform_job")
_TUNING = _JobKind(
    "HyperParameterTuningJob",
    "TuningJob",
    "hyper_parameter_tuning_job",
    lambda context: context.short_job_name,
    # Its training jobs are retried instead, according to their RetryStrategy:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html.
    final=[JOB_INTERNAL_ERROR],
)


def training(context: StepContext) -> Mapping[str, Any]:
    """Run a training job; return the members of DescribeTrainingJob."""
    return _run(context, _TRAINING)


def transform(context: StepContext) -> Mapping[str, Any]:
    """Run a transform job; return the members of DescribeTransformJob."""
    return _run(context, _TRANSFORM)


def processing(context: StepContext) -> Mapping[str, Any]:
    """Run a processing job; return the members of DescribeProcessingJob and the property files."""
    job = _run(context, _PROCESSING)
    config = job.get("ProcessingOutputConfig") or {}
    outputs = {output["OutputName"]: output for output in config.get("Outputs", [])}
    files = {}
    for declared in context.definition.get("PropertyFiles") or []:
        output = outputs.get(declared["OutputName"])
        if output is None or "S3Output" not in output:
            raise StepFailed(f"ClientError: The job has no output {declared['OutputName']} for its property file.")
        uri = f"{output['S3Output']['S3Uri'].rstrip('/')}/{declared['FilePath']}"
        name = declared["PropertyFileName"]
        files[name] = PropertyFile(context.definition["Name"], name, uri)
    # References look up inputs and outputs by name.
    inputs = {item["InputName"]: item for item in job.get("ProcessingInputs", [])}
    by_name = {"ProcessingInputs": inputs, "ProcessingOutputConfig": {**config, "Outputs": outputs}}
    return {**job, **by_name, "PropertyFiles": files}


def tuning(context: StepContext) -> Mapping[str, Any]:
    """Run a tuning job; return the members of its description and its training jobs, best first."""
    job = _run(context, _TUNING)
    objective = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    summaries = context.session.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=job["HyperParameterTuningJobName"],
        SortBy="FinalObjectiveMetricValue",
        SortOrder="Descending" if objective["Type"] == "Maximize" else "Ascending",
        MaxResults=_MOST_SUMMARIES,
    )["TrainingJobSummaries"]
    return {**job, "TrainingJobSummaries": summaries}


def _run(context: StepContext, kind: _JobKind) -> dict[str, Any]:
    """Run a job to its end and return its description.

    Raises:
        StepFailed: The job failed, or was stopped independently of the execution.
        StepStopped: The job was stopped with the execution.
    """
    client = context.session.client("sagemaker")
    name = {f"{kind.noun}Name": kind.name_of(context)}
    created = getattr(client, f"create_{kind.operation}")(**name, **context.arguments)
    context.metadata[kind.metadata] = {"Arn": created[f"{kind.noun}Arn"]}
    asked_to_stop = False
    while True:
        job: dict[str, Any] = getattr(client, f"describe_{kind.operation}")(**name)
        match job[f"{kind.noun}Status"]:
            case "Completed":
                return job
            case "Failed":
                reason = job.get("FailureReason", "")
                exception_type = exception_type_of_reason(reason)
                raise StepFailed(reason, None if exception_type in kind.final else exception_type)
            case "Stopped":
                if context.stopping.is_set():
                    raise StepStopped
                raise StepFailed(_stopped_reason(job, kind))
            case "InProgress" if context.stopping.is_set() and not asked_to_stop:
                asked_to_stop = _ask_to_stop(client, kind, name)
        _pause(context, asked_to_stop)


def _ask_to_stop(client: Any, kind: _JobKind, name: Mapping[str, str]) -> bool:
    """Stop a job; a job that has ended meanwhile is fine."""
    try:
        getattr(client, f"stop_{kind.operation}")(**name)
    except ClientError:
        if getattr(client, f"describe_{kind.operation}")(**name)[f"{kind.noun}Status"] == "InProgress":
            raise
    return True


def _stopped_reason(job: Mapping[str, Any], kind: _JobKind) -> str:
    """Return the reason of a job that was not stopped by the execution."""
    if job.get("FailureReason"):
        return str(job["FailureReason"])
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.noun).strip()
    return f"ClientError: The {words} stopped: {job.get('SecondaryStatus', 'Stopped')}."


def _pause(context: StepContext, asked_to_stop: bool) -> None:
    """Wait until the next poll, or until the execution is asked to stop."""
    if asked_to_stop:
        time.sleep(_POLL_SECONDS)
    else:
        context.stopping.wait(_POLL_SECONDS)
