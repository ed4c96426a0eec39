"""Programs killed at a random moment: the step fails with SageMaker's reason, and nothing is registered."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.pipelines.support import make_pipeline, outcome, start
from tests.localcloud.support import BUCKET, IMAGE, SmallCloud

REASONS = {
    "Train": "AlgorithmError: , exit code: 137",
    "Evaluate": "AlgorithmError: See job logs for more information",
    "Vectorize": "AlgorithmError: See job logs for more information",
}
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1}


@pytest.fixture(scope="module")
def pipeline(cloud: SmallCloud) -> str:
    """Pipeline of Train, then Evaluate and Vectorize, then Register."""
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName="killed")
    artifact = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    documents = cloud.put("to-kill/part.jsonl", '{"id": "a", "instance": 1}\n' * 50)
    train = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": cloud.role_arn,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/killed"},
        "ResourceConfig": {**RESOURCES, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    model = {"PrimaryContainer": container, "ExecutionRoleArn": cloud.role_arn}
    output = {"LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    evaluate = {
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/opt/program/process"],
            "ContainerArguments": ["score", "0.5", "0.2"],
        },
        "ProcessingInputs": [
            {
                "InputName": "model",
                "S3Input": {
                    "S3Uri": artifact,
                    "LocalPath": "/opt/ml/processing/input/model",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "out", "S3Output": {**output, "S3Uri": f"s3://{BUCKET}/killed-evaluation"}}]
        },
        "ProcessingResources": {"ClusterConfig": {**RESOURCES, "VolumeSizeInGB": 1}},
        "RoleArn": cloud.role_arn,
    }
    vectorize = {
        "ModelName": {"Get": "Steps.CreateModel.ModelName"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": documents}},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/killed-vectors", "Accept": "application/jsonlines"},
        "TransformResources": RESOURCES,
        "BatchStrategy": "SingleRecord",
        "DataProcessing": {"InputFilter": "$.instance"},
    }
    register = {
        "ModelPackageGroupName": "killed",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }
    steps = [
        {"Name": "Train", "Type": "Training", "Arguments": train},
        {"Name": "Evaluate", "Type": "Processing", "Arguments": evaluate},
        {"Name": "CreateModel", "Type": "Model", "Arguments": model},
        {"Name": "Vectorize", "Type": "Transform", "Arguments": vectorize},
        {"Name": "Register", "Type": "RegisterModel", "Arguments": register, "DependsOn": ["Evaluate", "Vectorize"]},
    ]
    make_pipeline(cloud, "killed", steps)
    return "killed"


def _process_of(cloud: SmallCloud, job: str) -> int | None:
    """Return the process that works in one of the job's directories."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = environ.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(
            line.startswith(f"SAGEMAKER_BASE_DIR={cloud.state}".encode()) and job.encode() in line for line in variables
        ):
            return int(environ.parent.name)
    return None


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="it finds the programs in /proc")
@pytest.mark.parametrize("seed", range(3))
def test_killed_program_fails_its_step_and_nothing_is_registered(cloud: SmallCloud, pipeline: str, seed: int) -> None:
    chance = random.Random(seed)
    step = list(REASONS)[seed % len(REASONS)]
    registered = _versions(cloud)
    arn = start(cloud, pipeline)
    job = f"pipelines-{arn.rpartition('/')[2]}-{step}-"
    process = None
    while process is None and not _is_over(cloud, arn):  # The program may have finished before it was found.
        process = _process_of(cloud, job)
    time.sleep(chance.random() / 20)
    if process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    execution, steps = outcome(cloud, arn)
    assert {item["StepStatus"] for item in steps.values()} <= {"Succeeded", "Failed"}
    assert all("EndTime" in item for item in steps.values())
    if execution["PipelineExecutionStatus"] == "Succeeded":
        assert _versions(cloud) == registered + 1
        return
    assert steps[step]["FailureReason"] == REASONS[step]
    assert "Register" not in steps
    assert _versions(cloud) == registered


def _is_over(cloud: SmallCloud, arn: str) -> bool:
    described = cloud.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
    return bool(described["PipelineExecutionStatus"] != "Executing")


def _versions(cloud: SmallCloud) -> int:
    listed: dict[str, Any] = cloud.client("sagemaker").list_model_packages(ModelPackageGroupName="killed")
    return len(listed["ModelPackageSummaryList"])
