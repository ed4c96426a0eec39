"""What a pipeline's step does, by its type: the work goes through the API, as the pipeline's role.

A new type of step is one function in :data:`STEP_TYPES`.
"""

import json
import random
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from topicsmith.local.identity import RoleSession

_POLL_SECONDS = 0.5
_LONGEST_JOB_NAME = 63

# A Lambda step may take this long. See
# https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda.
_LAMBDA_SECONDS = 600


class StepFailed(Exception):
    """The step failed; the message is its failure reason."""


class StepStopped(Exception):
    """The step was stopped."""


@dataclass
class StepContext:
    """One step at work.

    Attributes:
        definition: the step as the pipeline has it.
        arguments: its ``Arguments``, with every reference resolved.
        execution_id: of the pipeline execution.
        execution_arn: of the pipeline execution.
        session: the pipeline's role.
        stopping: set when the execution is asked to stop.
        metadata: what ListPipelineExecutionSteps tells; the step fills it as soon as it knows.
    """

    definition: Mapping[str, Any]
    arguments: dict[str, Any]
    execution_id: str
    execution_arn: str
    session: RoleSession
    stopping: threading.Event
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def job_name(self) -> str:
        """A new name for the step's job, ``pipelines-<execution>-<step>-<random>``."""
        suffix = "".join(random.choices(string.ascii_letters + string.digits, k=10))
        prefix = f"pipelines-{self.execution_id}-"
        step = self.definition["Name"].replace("_", "-")[: _LONGEST_JOB_NAME - len(prefix) - len(suffix) - 1]
        return f"{prefix}{step.rstrip('-')}-{suffix}"


StepType = Callable[[StepContext], Mapping[str, Any]]
"""Does a step and returns its properties, to which ``Steps.<name>.…`` refers."""


def run_step(context: StepContext) -> Mapping[str, Any]:
    """Do a step.

    Raises:
        StepFailed: it failed, or its type is not known here.
        StepStopped: it was stopped before its end.
    """
    kind = context.definition["Type"]
    step_type = STEP_TYPES.get(kind)
    if step_type is None:
        known = ", ".join(sorted(STEP_TYPES))
        raise StepFailed(f"The local cloud does not run steps of type {kind}; it runs: {known}.")
    try:
        return step_type(context)
    except ClientError as error:
        raise StepFailed(f"ClientError: {error}") from error
    except BotoCoreError as error:
        raise StepFailed(f"ValidationError: {error}") from error


def _training(context: StepContext) -> Mapping[str, Any]:
    client = context.session.client("sagemaker")
    name = context.job_name
    created = client.create_training_job(TrainingJobName=name, **context.arguments)
    context.metadata["TrainingJob"] = {"Arn": created["TrainingJobArn"]}
    asked_to_stop = False
    while True:
        job: dict[str, Any] = client.describe_training_job(TrainingJobName=name)
        match job["TrainingJobStatus"]:
            case "Completed":
                return job
            case "Failed":
                raise StepFailed(job.get("FailureReason", ""))
            case "Stopped":
                if context.stopping.is_set():
                    raise StepStopped
                raise StepFailed(f"ClientError: The training job stopped: {job['SecondaryStatus']}.")
            case "InProgress" if context.stopping.is_set() and not asked_to_stop:
                client.stop_training_job(TrainingJobName=name)
                asked_to_stop = True
        _pause(context, asked_to_stop)


def _pause(context: StepContext, asked_to_stop: bool) -> None:
    """Wait until it is time to look again, or until the execution is asked to stop."""
    if asked_to_stop:
        time.sleep(_POLL_SECONDS)
    else:
        context.stopping.wait(_POLL_SECONDS)


def _lambda(context: StepContext) -> Mapping[str, Any]:
    arn = context.definition["FunctionArn"]
    context.metadata["Lambda"] = {"Arn": arn}
    client = context.session.client("lambda", Config(read_timeout=_LAMBDA_SECONDS, retries={"max_attempts": 0}))
    try:
        response = client.invoke(FunctionName=arn, Payload=json.dumps(context.arguments))
    except ReadTimeoutError:
        raise StepFailed(f"ClientError: The Lambda step took more than {_LAMBDA_SECONDS} seconds.") from None
    payload = response["Payload"].read().decode()
    if "FunctionError" in response:
        raise StepFailed(f"ClientError: Lambda function {arn} failed ({response['FunctionError']}): {payload[:900]}")
    answer = json.loads(payload)
    declared = [output["OutputName"] for output in context.definition.get("OutputParameters") or []]
    missing = [name for name in declared if not isinstance(answer, dict) or name not in answer]
    if missing:
        raise StepFailed(
            f"ClientError: Lambda function {arn} did not return the output parameters {', '.join(missing)}; "
            f"it returned {payload[:500]}"
        )
    outputs = {name: answer[name] for name in declared}
    context.metadata["Lambda"]["OutputParameters"] = [
        {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in outputs.items()
    ]
    return {"OutputParameters": outputs}


def _register_model(context: StepContext) -> Mapping[str, Any]:
    client = context.session.client("sagemaker")
    lineage = {"GeneratedBy": context.execution_arn, **context.arguments.pop("MetadataProperties", {})}
    arn = client.create_model_package(**context.arguments, MetadataProperties=lineage)["ModelPackageArn"]
    context.metadata["RegisterModel"] = {"Arn": arn}
    return {"ModelPackageArn": arn, **context.arguments}


STEP_TYPES: dict[str, StepType] = {
    "Lambda": _lambda,
    "RegisterModel": _register_model,
    "Training": _training,
}
