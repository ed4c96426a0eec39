"""An AWS account for tests: what a deployed environment looks like through AWS's API, which moto answers."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.models import sagemakerruntime_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from typer.testing import Result

ACCOUNT = "123456789012"
REGION = "us-east-1"
TOPICS = {
    "num_topics": 2,
    "npmi": 0.25,
    "topic_uniqueness": 1.0,
    "topics": [
        {
            "topic": topic,
            "npmi": npmi,
            "topic_uniqueness": 1.0,
            "share": share,
            "words": [[f"{name}{rank}", 0.1 - rank / 1000] for rank in range(20)],
        }
        for topic, name, npmi, share in ((0, "key", 0.3, 0.7), (1, "video", 0.2, 0.3))
    ],
}

Invoke = Callable[..., Result]


@dataclass
class Account:
    """What tests put into the account.

    Attributes:
        steps: what ListPipelineExecutionSteps answers, one after the other; the last one for ever.
        status_at_the_end: what the runs become when the last of ``steps`` was told.
    """

    monkeypatch: pytest.MonkeyPatch
    steps: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    status_at_the_end: str = "Succeeded"

    def deploy(
        self, environment: str, *, pinned: bool = False, only: tuple[str, ...] = ("data", "training", "serving")
    ) -> None:
        """Make an environment's stacks, and what of them the tests need."""
        name = f"topicsmith-{environment}"
        outputs = {
            "data": {"DataBucketName": f"{name}-data", "DataKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"},
            "training": {"PipelineName": name, "ModelPackageGroupName": name},
            "serving": {"EndpointName": name},
        }
        cloudformation = boto3.client("cloudformation")
        for part in only:
            parameters = (
                {"ModelPackageArn": {"Type": "String", "Default": ""}} if part == "serving" and not pinned else {}
            )
            template = {
                "Parameters": parameters,
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs[part].items()},
            }
            cloudformation.create_stack(StackName=f"{name}-{part}", TemplateBody=json.dumps(template))
        boto3.client("s3").create_bucket(Bucket=f"{name}-data")
        sagemaker = boto3.client("sagemaker")
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
        sagemaker.create_pipeline(
            PipelineName=name,
            ClientRequestToken="0" * 32,
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/pipeline",
            PipelineDefinition=json.dumps(
                {
                    "Version": "2020-12-01",
                    "Parameters": [
                        {"Name": "CorpusUri", "Type": "String"},
                        {"Name": "TextColumns", "Type": "String", "DefaultValue": "text"},
                        {"Name": "IdColumn", "Type": "String", "DefaultValue": "id"},
                        {"Name": "NumTopics", "Type": "Integer", "DefaultValue": 20},
                    ],
                    "Steps": [{"Name": step} for step in ("Preprocess", "Train", "Register")],
                }
            ),
        )

    def note_as_executing(self, started: dict[str, str]) -> dict[str, str]:
        """Make a run that was just started one that is not over: moto's succeed at once."""
        self._set_status("Executing")
        return started

    def answer_with_steps(self) -> str:
        """Answer ListPipelineExecutionSteps, which moto lacks."""
        steps = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if len(self.steps) == 1:
            self._set_status(self.status_at_the_end)
        return json.dumps({"PipelineExecutionSteps": steps})

    def _set_status(self, status: str) -> None:
        for pipeline in backend().pipelines.values():
            for execution in pipeline.pipeline_executions.values():
                execution.pipeline_execution_status = status

    def register(self, *, run: str = "run1", environment: str = "dev", topics: object = TOPICS) -> str:
        """Put a model into the registry, and its model.tar.gz into the bucket; return the package's ARN."""
        bucket, key = f"topicsmith-{environment}-data", f"models/{run}/job/output/model.tar.gz"
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=model_archive(topics))
        answer = boto3.client("sagemaker").create_model_package(
            ModelPackageGroupName=f"topicsmith-{environment}",
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={
                "PipelineExecutionArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-dev/execution/{run}",
                "CorpusUri": f"s3://{bucket}/raw/reviews.csv",
            },
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{bucket}/{key}"}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )
        return answer["ModelPackageArn"]

    def serve(self, package: str, *, environment: str = "dev", status: str = "InService") -> None:
        """Make the environment's endpoint serve a model package."""
        name = f"topicsmith-{environment}"
        sagemaker = boto3.client("sagemaker")
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"ModelPackageName": package},
            ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/serving",
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1.0,
                }
            ],
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        backend().endpoints[name].endpoint_status = status

    def refuse_invocations(self) -> None:
        """Refuse, as SageMaker does where there is no endpoint that answers; moto answers for any name."""
        self.monkeypatch.setattr(SageMakerRuntimeResponse, "invoke_endpoint", _refuse_invocation)

    def answers_invocations_with(self, *bodies: object) -> None:
        """Make the endpoint answer with these JSON bodies, one after the other."""
        sagemakerruntime_backends[ACCOUNT][REGION].results_queue += [
            (json.dumps(body), "application/json", "AllTraffic", "") for body in bodies
        ]


def _refuse_invocation(_: SageMakerRuntimeResponse) -> str:
    raise JsonRESTError("ValidationError", f"Endpoint topicsmith-dev of account {ACCOUNT} not found.")


def backend() -> Any:
    """Return moto's SageMaker."""
    return sagemaker_backends[ACCOUNT][REGION]


def model_archive(topics: object, *, name: str = "topics.json") -> bytes:
    """Return a model.tar.gz that tells these topics after something big that nobody needs."""
    content = topics if isinstance(topics, bytes) else json.dumps(topics).encode()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for member, data in (("model.safetensors", bytes(100_000)), (name, content)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
