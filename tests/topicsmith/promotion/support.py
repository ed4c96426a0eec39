"""Two environments with their files, for tests of promotion."""

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.sagemaker.models import SageMakerModelBackend

from tests.topicsmith.account import ACCOUNT, EVALUATION, REGION, Account, backend, model_archive

DEV = """\
# For experiments.
region: us-east-1
"""
PROD = """\
# For users.
region: us-east-1
promotion: {from: dev, method: register}

serving:
  # At least two instances.
  instance_type: ml.m5.large   # for now
"""
PASSED: dict[str, Any] = {**EVALUATION, "against_baseline": {"npmi": 0.09, "topic_uniqueness": 0.1, "perplexity": 0.9}}
GATE = {"metrics.npmi": 0.1, "against_baseline.npmi": 0.0}


@functools.cache
def _client_of(session: object, service: str) -> Any:
    return boto3.client(service)


def _client(service: str) -> Any:
    """Return a client shared by all tests, since creating clients dominates their run time."""
    return _client_of(boto3.DEFAULT_SESSION, service)


@dataclass
class Promotions:
    """The environments dev and prod, deployed in one account.

    Attributes:
        folder: Folder of the environment files.
        requests: Approval changes in both registries, in order.
        follows: Serve models immediately when they are approved in prod.
    """

    account: Account
    folder: Path
    requests: list[tuple[str, str]] = field(default_factory=list)
    follows: bool = True

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.write("dev", DEV)
        self.write("prod", PROD)
        update = SageMakerModelBackend.update_model_package

        def follow(*arguments: Any, **named: Any) -> str:
            # In AWS, omitted properties stay unchanged; moto clears them.
            known = backend().model_packages[named["model_package_arn"]].customer_metadata_properties
            arn = update(*arguments, **{**named, "customer_metadata_properties": known})
            status = named["model_approval_status"]
            self.requests.append((arn.rpartition("/")[0].rpartition("/")[2] + "/" + arn.rpartition("/")[2], status))
            if self.follows and status == "Approved" and "topicsmith-prod" in arn:
                self.serve(arn)
            return arn

        self.account.monkeypatch.setattr(SageMakerModelBackend, "update_model_package", follow)

    def write(self, environment: str, text: str) -> None:
        """Write an environment's file."""
        (self.folder / f"{environment}.yaml").write_text(text)

    def read(self, environment: str = "prod") -> str:
        """Read an environment's file."""
        return (self.folder / f"{environment}.yaml").read_text()

    def deploy(self, *environments: str, pinned: bool = False) -> None:
        """Deploy environments with the gate ``GATE``."""
        for environment in environments:
            self.account.deploy(environment, pinned=pinned)
            self.set_gate(environment, GATE)

    def set_gate(self, environment: str, thresholds: dict[str, float]) -> None:
        """Deploy another gate."""
        conditions = [
            {
                "Type": "LessThanOrEqualTo" if "perplexity" in path else "GreaterThanOrEqualTo",
                "LeftValue": {"Std:JsonGet": {"PropertyFile": {"Get": "Evaluation"}, "Path": path}},
                "RightValue": value,
            }
            for path, value in thresholds.items()
        ]
        arguments = {"Conditions": conditions, "IfSteps": [], "ElseSteps": []}
        definition = {"Version": "2020-12-01", "Steps": [{"Name": "Gate", "Type": "Condition", "Arguments": arguments}]}
        _client("sagemaker").update_pipeline(
            PipelineName=f"topicsmith-{environment}", PipelineDefinition=json.dumps(definition)
        )

    def train(
        self,
        run: str = "run1",
        *,
        environment: str = "dev",
        approval: str = "Approved",
        evaluation: dict[str, Any] | None = PASSED,
    ) -> str:
        """Register a model as a run would, set its approval status, and return its ARN."""
        s3, sagemaker = _client("s3"), _client("sagemaker")
        bucket = f"topicsmith-{environment}-data"
        place = f"s3://{bucket}/evaluation/{run}"
        s3.put_object(Bucket=bucket, Key=f"models/{run}/job/output/model.tar.gz", Body=model_archive({"run": run}))
        metrics = {}
        if evaluation is not None:
            s3.put_object(Bucket=bucket, Key=f"evaluation/{run}/evaluation.json", Body=json.dumps(evaluation).encode())
            s3.put_object(Bucket=bucket, Key=f"evaluation/{run}/report.html", Body=b"<!doctype html>")
            metrics = {
                "ModelMetrics": {
                    "ModelQuality": {
                        "Statistics": {"ContentType": "application/json", "S3Uri": f"{place}/evaluation.json"}
                    },
                    "Explainability": {"Report": {"ContentType": "text/html", "S3Uri": f"{place}/report.html"}},
                }
            }
        arn: str = sagemaker.create_model_package(
            ModelPackageGroupName=f"topicsmith-{environment}",
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={
                "PipelineExecutionArn": (
                    f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-{environment}/execution/{run}"
                ),
                "CorpusUri": f"s3://{bucket}/raw/reviews.csv",
                "CodeVersion": "abc",
                "Npmi": "0.31",
            },
            InferenceSpecification={
                "Containers": [
                    {"Image": "image:1", "ModelDataUrl": f"s3://{bucket}/models/{run}/job/output/model.tar.gz"}
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            },
            **metrics,
        )["ModelPackageArn"]
        if approval != "PendingManualApproval":
            sagemaker.update_model_package(
                ModelPackageArn=arn, ModelApprovalStatus=approval, ApprovalDescription="looked at it"
            )
        self.requests.clear()
        return arn

    def serve(self, arn: str) -> None:
        """Serve a model package on prod's endpoint."""
        if "topicsmith-prod" in backend().endpoints:
            backend()._models["topicsmith-prod"].primary_container["ModelPackageName"] = arn
        else:
            self.account.serve(arn, environment="prod")

    def registered(self, environment: str = "prod") -> list[dict[str, Any]]:
        """Return an environment's model packages, oldest first."""
        sagemaker = _client("sagemaker")
        found = sagemaker.list_model_packages(ModelPackageGroupName=f"topicsmith-{environment}")
        arns = sorted(package["ModelPackageArn"] for package in found["ModelPackageSummaryList"])
        return [dict(sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]

    def objects(self, environment: str, prefix: str = "") -> dict[str, bytes]:
        """Return the objects of an environment's bucket by key."""
        s3, bucket = _client("s3"), f"topicsmith-{environment}-data"
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in found}

    def records(self) -> list[dict[str, Any]]:
        """Return the records of promotions to prod, oldest first."""
        return [json.loads(content) for _, content in sorted(self.objects("prod", "promotions/").items())]

    def arguments(self, version: int = 1, *options: str) -> list[str]:
        """Return the command-line arguments that promote a version."""
        files = ["--environments", str(self.folder)]
        return ["promote", str(version), "--from", "dev", "--to", "prod", *files, *options]
