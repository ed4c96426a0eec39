import json
import re
from collections.abc import Sequence
from typing import Any

from localcloud.runtime.container_environment import (
    HOSTING,
    LOCAL_VARIABLES,
    PROCESSING,
    TRAINING,
    TRANSFORM,
    ContainerKind,
)
from tests.localcloud.services.sagemaker.hosting.support import make_endpoint, model_data
from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for

ISOLATED = {"AWS_CONTAINER_CREDENTIALS_FULL_URI"}


def _seen_on_aws(variables: Sequence[str]) -> set[str]:
    return set(variables) - LOCAL_VARIABLES.keys()


def _expected(kind: ContainerKind, *requested: str) -> set[str]:
    return {*kind.variables, *requested}


def _resources(name: str) -> dict[str, Any]:
    return {"InstanceType": "ml.m5.large", name: 1}


def test_training_container_sees_what_aws_documents(cloud: SmallCloud) -> None:
    sagemaker = cloud.client("sagemaker")
    for name, isolated in (("train-variables", False), ("train-variables-isolated", True)):
        sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"mode": "variables"},
            Environment={"GREETING": "hello"},
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
            ResourceConfig={**_resources("InstanceCount"), "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            EnableNetworkIsolation=isolated,
            RoleArn=cloud.role_arn,
        )

        def told(name: str = name) -> list[str]:
            log = "\n".join(cloud.log("/aws/sagemaker/TrainingJobs", f"{name}/"))
            found = re.search(r"^variables: (.*)$", log, re.MULTILINE)
            return json.loads(found[1]) if found else []

        seen = wait_for(told)
        assert _seen_on_aws(seen) == _expected(TRAINING, "GREETING")
        assert bool(ISOLATED & set(seen)) is not isolated


def test_processing_container_sees_what_aws_documents(cloud: SmallCloud) -> None:
    output = {"S3Uri": f"s3://{BUCKET}/variables", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    cloud.client("sagemaker").create_processing_job(
        ProcessingJobName="process-variables",
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/opt/program/process"],
            "ContainerArguments": ["variables"],
        },
        ProcessingResources={"ClusterConfig": {**_resources("InstanceCount"), "VolumeSizeInGB": 1}},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "result", "S3Output": output}]},
        Environment={"GREETING": "hello"},
        RoleArn=cloud.role_arn,
    )

    def told() -> list[str] | None:
        s3 = cloud.client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix="variables/variables.json").get("Contents")
        return found and json.load(s3.get_object(Bucket=BUCKET, Key=found[0]["Key"])["Body"])

    assert _seen_on_aws(wait_for(told) or ()) == _expected(PROCESSING, "GREETING")


def test_hosting_container_sees_what_aws_documents(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "variables", "1")
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="variables", Body=b"variables")
    assert _seen_on_aws(json.load(answer["Body"])) == _expected(HOSTING, "GREETING")


def test_transform_container_sees_what_aws_documents(cloud: SmallCloud) -> None:
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model(
        ModelName="transform-variables",
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data(cloud, "transform-variables", "1")},
    )
    sagemaker.create_transform_job(
        TransformJobName="transform-variables",
        ModelName="transform-variables",
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": cloud.put("variables-in/one", "variables")}
            },
            "ContentType": "text/plain",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/variables-out"},
        TransformResources=_resources("InstanceCount"),
        Environment={"GREETING": "hello"},
    )

    def told() -> list[str] | None:
        s3 = cloud.client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix="variables-out/").get("Contents")
        return found and json.load(s3.get_object(Bucket=BUCKET, Key=found[0]["Key"])["Body"])

    assert _seen_on_aws(wait_for(told) or ()) == _expected(TRANSFORM, "GREETING")


def test_credentials_of_a_container_come_from_its_endpoint(cloud: SmallCloud) -> None:
    script = cloud.put(
        "variables/code/script.py",
        "import boto3, sys\n"
        "arn = boto3.client('sts', region_name='us-east-1').get_caller_identity()['Arn']\n"
        "open(sys.argv[1] + '/identity.txt', 'w').write(arn)\n",
    )
    code = {"S3Uri": script, "LocalPath": "/opt/ml/processing/input/code", "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://{BUCKET}/identity", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    cloud.client("sagemaker").create_processing_job(
        ProcessingJobName="identity",
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": ["/opt/ml/processing/output"],
        },
        ProcessingInputs=[{"InputName": "code", "S3Input": {**code, "S3InputMode": "File"}}],
        ProcessingResources={"ClusterConfig": {**_resources("InstanceCount"), "VolumeSizeInGB": 1}},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "result", "S3Output": output}]},
        RoleArn=cloud.role_arn,
    )

    def told() -> str | None:
        s3 = cloud.client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix="identity/").get("Contents")
        return found and s3.get_object(Bucket=BUCKET, Key=found[0]["Key"])["Body"].read().decode()

    assert ":assumed-role/worker/identity" in (wait_for(told) or "")
