"""Implementation of each type of step, through the API and under the pipeline's role.

To add a type of step, add a function to :data:`STEP_TYPES`.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from localcloud.services.sagemaker.pipelines.conditions import holds
from localcloud.services.sagemaker.pipelines.job_steps import processing, training, transform, tuning
from localcloud.services.sagemaker.pipelines.retries import exception_type_of_call
from localcloud.services.sagemaker.pipelines.step_context import StepContext, StepFailed, StepType

# Time limit of a Lambda step:
# https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda.
_LAMBDA_SECONDS = 600


def run_step(context: StepContext) -> Mapping[str, Any]:
    """Run a step.

    Raises:
        StepFailed: The step failed, or its type is not supported.
        StepStopped: The step was stopped.
    """
    kind = context.definition["Type"]
    step_type = STEP_TYPES.get(kind)
    if step_type is None:
        known = ", ".join(sorted(STEP_TYPES))
        raise StepFailed(f"The local cloud does not run steps of type {kind}; it runs: {known}.")
    try:
        return step_type(context)
    except ClientError as error:
        raise StepFailed(f"ClientError: {error}", exception_type_of_call(error)) from error
    except BotoCoreError as error:
        raise StepFailed(f"ValidationError: {error}") from error


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


def _model(context: StepContext) -> Mapping[str, Any]:
    name, client = context.job_name, context.session.client("sagemaker")
    created = client.create_model(ModelName=name, **context.arguments)
    context.metadata["Model"] = {"Arn": created["ModelArn"]}
    # SageMaker looks at what it created, with the pipeline's role:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html.
    client.describe_model(ModelName=name)
    return {"ModelName": name, "ModelArn": created["ModelArn"], **context.arguments}


def _register_model(context: StepContext) -> Mapping[str, Any]:
    client = context.session.client("sagemaker")
    lineage = {"GeneratedBy": context.execution_arn, **context.arguments.pop("MetadataProperties", {})}
    arn = client.create_model_package(**context.arguments, MetadataProperties=lineage)["ModelPackageArn"]
    context.metadata["RegisterModel"] = {"Arn": arn}
    client.describe_model_package(ModelPackageName=arn)
    return {"ModelPackageArn": arn, **context.arguments}


def _condition(context: StepContext) -> Mapping[str, Any]:
    outcome = str(all(holds(condition) for condition in context.arguments["Conditions"]))
    context.metadata["Condition"] = {"Outcome": outcome}
    return {"Outcome": outcome}


def _fail(context: StepContext) -> Mapping[str, Any]:
    message = str(context.arguments.get("ErrorMessage", ""))
    context.metadata["Fail"] = {"ErrorMessage": message}
    raise StepFailed(message)


STEP_TYPES: dict[str, StepType] = {
    "Condition": _condition,
    "Fail": _fail,
    "Lambda": _lambda,
    "Model": _model,
    "Processing": processing,
    "RegisterModel": _register_model,
    "Training": training,
    "Transform": transform,
    "Tuning": tuning,
}
