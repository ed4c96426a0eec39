"""A CDK app that has nothing to do with this project, deployed to a cloud that the program ``localcloud`` started."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.localcloud.support import HERE, ROOT, wait_for

APP = HERE / "another_app"
CDK = ROOT / "node_modules" / ".bin" / "cdk"
PROGRAMS = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(not CDK.exists(), reason="the CDK CLI is not installed")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a shell that is a client of the cloud."""
    folder = tmp_path_factory.mktemp("project")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LOCALCLOUD_"))}
    mine["PATH"] = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    def shell(script: str) -> str:
        done = subprocess.run(["sh", "-ec", script], cwd=folder, env=mine, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shell(f"localcloud up --port {port}")
    try:
        variables = shell('eval "$(localcloud env)"; env -0').split("\0")
        yield dict(variable.split("=", 1) for variable in variables if variable)
    finally:
        shell("localcloud down")


def _cdk(environ: dict[str, str], folder: Path, *arguments: str) -> None:
    quiet = {"CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "true"}
    done = subprocess.run(
        [str(CDK), *arguments], cwd=folder, env=environ | quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_app_trains_and_serves(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    deploy = ("deploy", "--require-approval=never", "--method=direct", "--exclusively")
    _cdk(environ, tmp_path, "bootstrap", "aws://123456789012/us-east-1")
    _cdk(environ, tmp_path, *deploy, "stump-training", "--app", f"{sys.executable} {APP / 'app.py'}")

    session = boto3.Session()
    (stack,) = session.client("cloudformation").describe_stacks(StackName="stump-training")["Stacks"]
    (bucket,) = (output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "BucketName")
    rows = "".join(f"{10 if x > 5 else 2},{x},{x * 7 % 3}\n" for x in range(10))
    session.client("s3").put_object(Bucket=bucket, Key="data/train.csv", Body=rows.encode())
    sagemaker = session.client("sagemaker")
    execution = sagemaker.start_pipeline_execution(PipelineName="stump")["PipelineExecutionArn"]

    def ended() -> dict[str, str] | None:
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        return None if described["PipelineExecutionStatus"] == "Executing" else described

    described = wait_for(ended)
    assert described["PipelineExecutionStatus"] == "Succeeded", described
    (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    job_name = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = sagemaker.describe_training_job(TrainingJobName=job_name)
    model_data = job["ModelArtifacts"]["S3ModelArtifacts"]

    _cdk(environ, tmp_path, *deploy, "stump-serving", "--app", "cdk.out", "--parameters", f"ModelData={model_data}")
    answer = session.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="stump", ContentType="text/csv", Body=b"1,0\n9,0"
    )
    assert answer["Body"].read().decode().split() == ["2.0", "10.0"]
