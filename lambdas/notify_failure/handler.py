"""Tells an SNS topic of a run that failed: which step, why, and where to look."""

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

# SNS takes no longer subject.
_SUBJECT: Final = 100
_NO_REASON: Final = "SageMaker gives no reason."


class ExecutionDetail(TypedDict):
    """What is used of the event's detail."""

    pipelineExecutionArn: str


class ExecutionStatusChange(TypedDict):
    """EventBridge's «SageMaker Model Building Pipeline Execution Status Change»."""

    id: str
    detail: ExecutionDetail


def handler(event: ExecutionStatusChange, _context: object) -> dict[str, str]:
    """Publish a message about a failed run.

    An event that is delivered twice is told twice; both messages name its id.

    Returns:
        ``message``, SNS's id of the message.

    Raises:
        botocore.exceptions.ClientError: the run could not be read, or the message not be sent; Lambda then tries again.
    """
    import boto3

    arn = event["detail"]["pipelineExecutionArn"]
    _, pipeline, _, run = arn.rsplit("/", 3)
    sagemaker = boto3.client("sagemaker")
    failed = _failed_steps(sagemaker, arn)
    subject = f"{pipeline}: run {run} failed" + (f" at {failed[0]['StepName']}" if failed else "")
    reasons = "\n\n".join(map(_about, failed)) or sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn).get(
        "FailureReason", _NO_REASON
    )
    answer = boto3.client("sns").publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=subject[:_SUBJECT],
        Message=f"{subject}.\n\n{reasons}\n\n"
        f"Execution: {arn}\n"
        f"Look at it: topicsmith runs {run} --env {pipeline.removeprefix('topicsmith-')}\n"
        f"Event: {event['id']}\n",
    )
    _logger.info("%s was told as message %s", subject, answer["MessageId"])
    return {"message": answer["MessageId"]}


def _failed_steps(sagemaker: SageMakerClient, arn: str) -> list[PipelineExecutionStepTypeDef]:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return [step for page in pages for step in page["PipelineExecutionSteps"] if step["StepStatus"] == "Failed"]


def _about(step: PipelineExecutionStepTypeDef) -> str:
    lines = [f"{step['StepName']} failed: {_reason(step.get('FailureReason') or _NO_REASON)}"]
    log = _log(step.get("Metadata", {}))
    return "\n".join([*lines, *([f"Its log: {log}"] if log else [])])


def _reason(failure: str) -> str:
    """Return a reason; of a Lambda function's error what it says, without the stack trace."""
    found = dict(re.findall(r'"(errorType|errorMessage)": *("(?:[^"\\]|\\.)*")', failure))
    if "errorMessage" not in found:
        return failure
    return ": ".join(json.loads(found[key]) for key in ("errorType", "errorMessage") if key in found)


def _log(metadata: PipelineExecutionStepMetadataTypeDef) -> str | None:
    """Return where a step logs to."""
    match metadata:
        case {"TuningJob": {"Arn": arn}}:
            # Each trial is a training job whose name begins with the tuning job's.
            return f"/aws/sagemaker/TrainingJobs, streams {_name(arn)}-*"
        case {"TrainingJob": {"Arn": arn}}:
            return f"/aws/sagemaker/TrainingJobs, streams {_name(arn)}/*"
        case {"ProcessingJob": {"Arn": arn}}:
            return f"/aws/sagemaker/ProcessingJobs, streams {_name(arn)}/*"
        case {"TransformJob": {"Arn": arn}}:
            return f"/aws/sagemaker/TransformJobs, streams {_name(arn)}/*"
        case {"Lambda": {"Arn": arn}}:
            return f"that of the function {arn.split(':')[6]}"
    return None


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
