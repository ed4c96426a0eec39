"""A mocked AWS account with deployed environments."""

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

METRICS = {
    "npmi": 0.31,
    "npmi_train": 0.37,
    "c_v": 0.62,
    "topic_uniqueness": 0.97,
    "topic_uniqueness_10": 0.99,
    "topic_diversity": 0.95,
    "perplexity": 812.4,
}
EVALUATION = {
    "format": 1,
    "run": {"num_topics": 2},
    "metrics": METRICS,
    "baseline": {**METRICS, "npmi": 0.22, "perplexity": 901.0, "model": "tomotopy LDA 0.14.0", "iterations": 100},
    "gate": {
        "passed": True,
        "reason": "",
        "checks": [
            {"metric": "npmi_over_baseline", "value": 0.09, "threshold": 0.0, "kind": "at_least", "passed": True}
        ],
    },
}
REASON = "npmi 0.31 is below 0.99"
REJECTION = {
    **EVALUATION,
    "gate": {
        "passed": False,
        "reason": REASON,
        "checks": [{"metric": "npmi", "value": 0.31, "threshold": 0.99, "kind": "at_least", "passed": False}],
    },
}

Invoke = Callable[..., Result]


@dataclass
class Account:
    """The mocked account.

    Attributes:
        steps: Successive responses of ListPipelineExecutionSteps; the last one is repeated.
        status_at_the_end: Status of runs once the last of ``steps`` was returned.
        tuned: Makes the environment tune the number of topics; runs cannot set it then.
        trials: Response of ListTrainingJobsForHyperParameterTuningJob.
    """

    monkeypatch: pytest.MonkeyPatch
    steps: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    status_at_the_end: str = "Succeeded"
    tuned: bool = False
    trials: list[dict[str, Any]] = field(default_factory=list)

    def deploy(
        self, environment: str, *, pinned: bool = False, only: tuple[str, ...] = ("data", "training", "serving")
    ) -> None:
        """Create an environment's stacks, and those of its resources that the tests need."""
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
                        *([] if self.tuned else [{"Name": "NumTopics", "Type": "Integer", "DefaultValue": 20}]),
                    ],
                    "Steps": [
                        {"Name": "Preprocess", "Type": "Lambda"},
                        {"Name": "Train", "Type": "Training"},
                        {
                            "Name": "Gate",
                            "Type": "Condition",
                            "Arguments": {
                                "IfSteps": [{"Name": "Register", "Type": "RegisterModel"}],
                                "ElseSteps": [{"Name": "Rejected", "Type": "Fail"}],
                            },
                        },
                    ],
                }
            ),
        )

    def start(self) -> str:
        """Start a run and return its id."""
        answer = boto3.client("sagemaker").start_pipeline_execution(
            PipelineName="topicsmith-dev", ClientRequestToken="0" * 32, PipelineParameters=[]
        )
        return answer["PipelineExecutionArn"].rpartition("/")[2]

    def note_as_executing(self, started: dict[str, str]) -> dict[str, str]:
        """Mark a new run as executing; moto's runs succeed immediately."""
        self._set_status("Executing")
        return started

    def answer_with_steps(self) -> str:
        """Implement ListPipelineExecutionSteps, which moto lacks."""
        steps = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if len(self.steps) == 1:
            self._set_status(self.status_at_the_end)
        return json.dumps({"PipelineExecutionSteps": steps})

    def answer_with_trials(self) -> str:
        """Implement ListTrainingJobsForHyperParameterTuningJob, which moto lacks."""
        return json.dumps({"TrainingJobSummaries": self.trials})

    def stop(self) -> str:
        """Implement StopPipelineExecution, which moto lacks."""
        self._set_status("Stopping")
        self.status_at_the_end = "Stopped"
        return "{}"

    def retry(self) -> str:
        """Implement RetryPipelineExecution, which moto lacks."""
        self._set_status("Executing")
        self.status_at_the_end = "Succeeded"
        return "{}"

    def tune(self, name: str = "run-Tune-abc", *, objective: str = "validation:npmi_tu") -> dict[str, Any]:
        """Create a tuning job and return the metadata of its pipeline step."""
        boto3.client("sagemaker").create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": objective},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
            },
        )
        return {"TuningJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:hyper-parameter-tuning-job/{name}"}}

    def evaluate(self, evaluation: object, *, report: bytes = b"<!doctype html>") -> dict[str, Any]:
        """Create an evaluation and its processing job, and return the metadata of its pipeline step."""
        s3 = boto3.client("s3")
        body = evaluation if isinstance(evaluation, bytes) else json.dumps(evaluation).encode()
        s3.put_object(Bucket="topicsmith-dev-data", Key="evaluation/r/evaluation.json", Body=body)
        s3.put_object(Bucket="topicsmith-dev-data", Key="evaluation/r/report.html", Body=report)
        boto3.client("sagemaker").create_processing_job(
            ProcessingJobName="run-Evaluate-abc",
            AppSpecification={"ImageUri": "image"},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
            },
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": "evaluation",
                        "S3Output": {
                            "S3Uri": "s3://topicsmith-dev-data/evaluation/r",
                            "LocalPath": "/opt/ml/processing/output",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/evaluation",
        )
        return {"ProcessingJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/run-Evaluate-abc"}}

    def vectorize(self, parts: dict[str, bytes]) -> dict[str, Any]:
        """Create vectors and their transform job, and return the metadata of its pipeline step."""
        for name, content in parts.items():
            boto3.client("s3").put_object(Bucket="topicsmith-dev-data", Key=f"vectors/r/{name}", Body=content)
        boto3.client("sagemaker").create_transform_job(
            TransformJobName="run-Vectorize-abc",
            ModelName="model",
            TransformInput={
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://topicsmith-dev-data/bow/r/documents"}
                }
            },
            TransformOutput={"S3OutputPath": "s3://topicsmith-dev-data/vectors/r"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        return {"TransformJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:transform-job/run-Vectorize-abc"}}

    def _set_status(self, status: str) -> None:
        for pipeline in backend().pipelines.values():
            for execution in pipeline.pipeline_executions.values():
                execution.pipeline_execution_status = status

    def register(self, *, run: str = "run1", environment: str = "dev", topics: object = TOPICS) -> str:
        """Register a model, upload its model.tar.gz, and return the model package's ARN."""
        bucket, key = f"topicsmith-{environment}-data", f"models/{run}/job/output/model.tar.gz"
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=model_archive(topics))
        answer = boto3.client("sagemaker").create_model_package(
            ModelPackageGroupName=f"topicsmith-{environment}",
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={
                "PipelineExecutionArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-dev/execution/{run}",
                "CorpusUri": f"s3://{bucket}/raw/reviews.csv",
                "Npmi": "0.314",
                "TopicUniqueness": "0.97",
            },
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{bucket}/{key}"}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )
        return answer["ModelPackageArn"]

    def serve(self, package: str, *, environment: str = "dev", status: str = "InService") -> None:
        """Create the environment's endpoint with a model package."""
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
        """Refuse invocations as SageMaker does if there is no endpoint; moto accepts any name."""
        self.monkeypatch.setattr(SageMakerRuntimeResponse, "invoke_endpoint", _refuse_invocation)

    def answers_invocations_with(self, *bodies: object) -> None:
        """Queue JSON bodies as the endpoint's next responses."""
        sagemakerruntime_backends[ACCOUNT][REGION].results_queue += [
            (json.dumps(body), "application/json", "AllTraffic", "") for body in bodies
        ]


def _refuse_invocation(_: SageMakerRuntimeResponse) -> str:
    raise JsonRESTError("ValidationError", f"Endpoint topicsmith-dev of account {ACCOUNT} not found.")


def backend() -> Any:
    """Return moto's SageMaker backend."""
    return sagemaker_backends[ACCOUNT][REGION]


def model_archive(topics: object, *, name: str = "topics.json") -> bytes:
    """Return a model.tar.gz with these topics after a large member that must be skipped."""
    content = topics if isinstance(topics, bytes) else json.dumps(topics).encode()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for member, data in (("model.safetensors", bytes(100_000)), (name, content)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
