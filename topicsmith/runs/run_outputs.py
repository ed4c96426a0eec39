"""Locations of a run's outputs, from the jobs of its steps."""

from typing import TYPE_CHECKING

from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.runs.jobs import Job, JobKind
from topicsmith.runs.runs import Run, Step

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

TUNE = "Tune"
EVALUATE = "Evaluate"
VECTORIZE = "Vectorize"


def tuning_job(deployment: Deployment, run: Run) -> Job:
    """Return the tuning job of a run; for a cached step, the job of the earlier run.

    Raises:
        OperatorError: The run has no tuning job (yet).
    """
    step = _step(deployment, run, TUNE)
    if step.job is None or step.job.kind is not JobKind.TUNING:
        raise _missing(deployment, run, f"Step {TUNE} of run {run.id} ({step.status}) has not started a job.")
    return step.job


def is_evaluated(run: Run) -> bool:
    """Return whether the run has evaluated its model."""
    step = run.step(EVALUATE)
    return step is not None and step.status == "Succeeded"


def evaluation_uri(sagemaker: "SageMakerClient", deployment: Deployment, run: Run) -> str:
    """Return the S3 URI of a run's evaluation.

    Raises:
        OperatorError: The run has not evaluated its model (yet).
    """
    return evaluation_of(sagemaker, _finished(deployment, run, EVALUATE))


def evaluation_of(sagemaker: "SageMakerClient", job: Job) -> str:
    """Return the S3 URI of the evaluation made by a processing job."""
    outputs = sagemaker.describe_processing_job(ProcessingJobName=job.name)["ProcessingOutputConfig"]["Outputs"]
    return next(output["S3Output"]["S3Uri"] for output in outputs if output["OutputName"] == "evaluation")


def vectors_uri(sagemaker: "SageMakerClient", deployment: Deployment, run: Run) -> str:
    """Return the S3 URI of a run's document vectors.

    Raises:
        OperatorError: The run has no vectors (yet).
    """
    job = _finished(deployment, run, VECTORIZE)
    return sagemaker.describe_transform_job(TransformJobName=job.name)["TransformOutput"]["S3OutputPath"]


def _finished(deployment: Deployment, run: Run, name: str) -> Job:
    """Return the job of a step that succeeded."""
    step = _step(deployment, run, name)
    if step.status != "Succeeded" or step.job is None:
        raise _missing(deployment, run, f"Step {name} of run {run.id} is {step.status}.")
    return step.job


def _step(deployment: Deployment, run: Run, name: str) -> Step:
    step = run.step(name)
    if step is None:
        message = f"has no step {name}." if run.is_over else f"has not reached step {name} yet."
        raise _missing(deployment, run, f"Run {run.id} ({run.status}) {message}")
    return step


def _missing(deployment: Deployment, run: Run, message: str) -> OperatorError:
    return OperatorError(message, f"Details: {deployment.command(f'runs {run.id}')}")
