"""Lambda function that publishes failed pipeline runs to an SNS topic."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionStepMetadataTypeDef, PipelineExecutionStepTypeDef

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)

# SNS's limit.
_SUBJECT: Final = 100
_NO_REASON: Final = "SageMaker gave no reason."


class ExecutionDetail(TypedDict):
    """Detail of the event, with the keys in use."""

    pipelineExecutionArn: str


class ExecutionStatusChange(TypedDict):
    """EventBridge event "SageMaker Model Building Pipeline Execution Status Change"."""

    id: str
    detail: ExecutionDetail


def handler(event: ExecutionStatusChange, _context: object) -> dict[str, str]:
    """Publish a message about a failed run.

    A duplicate event produces a duplicate message; both contain the event ID.

    Returns:
        ``message``, the ID of the SNS message.

    Raises:
        botocore.exceptions.ClientError: The run could not be read or the message could not be sent; Lambda retries.
    """
    import boto3

    arn = event["detail"]["pipelineExecutionArn"]
    _, pipeline, _, run = arn.rsplit("/", 3)
    sagemaker = boto3.client("sagemaker")
    failed = _failed_steps(sagemaker, arn)
    subject = f"{pipeline}: run {run} failed{_at_step(failed[0]) if failed else ''}"
    reasons = "\n\n".join(map(_about, failed)) or sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn).get(
        "FailureReason", _NO_REASON
    )
    answer = boto3.client("sns").publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=subject[:_SUBJECT],
        Message=f"{subject}.\n\n{reasons}\n\n"
        f"Details: topicsmith runs {run} --env {pipeline.removeprefix('topicsmith-')}\n"
        f"Execution ARN: {arn}\n"
        f"Event ID: {event['id']}\n",
    )
    _logger.info("published %s: %s", answer["MessageId"], subject)
    return {"message": answer["MessageId"]}


def _failed_steps(sagemaker: SageMakerClient, arn: str) -> list[PipelineExecutionStepTypeDef]:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return [step for page in pages for step in page["PipelineExecutionSteps"] if step["StepStatus"] == "Failed"]


def _at_step(step: PipelineExecutionStepTypeDef) -> str:
    return ": the quality gate rejected the model" if _is_gate(step) else f" at step {step['StepName']}"


def _about(step: PipelineExecutionStepTypeDef) -> str:
    what = "The quality gate rejected the model" if _is_gate(step) else f"{step['StepName']} failed"
    lines = [f"{what}: {_reason(step.get('FailureReason') or _NO_REASON)}"]
    log = _log(step.get("Metadata", {}))
    return "\n".join([*lines, *([f"Log: {log}"] if log else [])])


def _is_gate(step: PipelineExecutionStepTypeDef) -> bool:
    # The pipeline's only Fail step.
    return "Fail" in step.get("Metadata", {})


def _reason(failure: str) -> str:
    """Return the failure reason; for an error of a Lambda function, its message without the stack trace."""
    found = dict(re.findall(r'"(errorType|errorMessage)": *("(?:[^"\\]|\\.)*")', failure))
    if "errorMessage" not in found:
        return failure
    return ": ".join(json.loads(found[key]) for key in ("errorType", "errorMessage") if key in found)


def _log(metadata: PipelineExecutionStepMetadataTypeDef) -> str | None:
    """Return the location of a step's log."""
    match metadata:
        case {"TuningJob": {"Arn": arn}}:
            # A trial's name begins with the name of its tuning job.
            return f"/aws/sagemaker/TrainingJobs, streams {_name(arn)}-*"
        case {"TrainingJob": {"Arn": arn}}:
            return f"/aws/sagemaker/TrainingJobs, streams {_name(arn)}/*"
        case {"ProcessingJob": {"Arn": arn}}:
            return f"/aws/sagemaker/ProcessingJobs, streams {_name(arn)}/*"
        case {"TransformJob": {"Arn": arn}}:
            return f"/aws/sagemaker/TransformJobs, streams {_name(arn)}/*"
        case {"Lambda": {"Arn": arn}}:
            return f"log group of function {arn.split(':')[6]}"
    return None


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
