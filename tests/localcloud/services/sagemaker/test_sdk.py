"""Processing jobs and pipelines with the SageMaker Python SDK as the client."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.localcloud.support import BUCKET, HERE, IMAGE, SmallCloud


@pytest.fixture(scope="module")
def printed(cloud: SmallCloud, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("sdk")
    config = directory / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
    done = subprocess.run(
        [sys.executable, str(HERE / "sdk_client.py"), cloud.role_arn, IMAGE, BUCKET],
        env={**cloud.environ, "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config), "HOME": str(directory)},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def results(printed: list[str]) -> Any:
    return json.loads(printed[-1])


def test_script_processor_runs_a_script_and_follows_its_log(
    cloud: SmallCloud, printed: list[str], results: Any
) -> None:
    assert results["process"] == "Completed"
    assert any("working on ['words.txt']" in line for line in printed)
    found = cloud.client("s3").get_object(Bucket=BUCKET, Key="sdk-processed/words.txt")["Body"].read()
    assert found == b"twice: aa"


def test_pipeline_that_the_sdk_writes_runs_with_its_gate(results: Any) -> None:
    waited, shut, opened = results["gate"]
    assert "terminal failure state" in waited["waited"]
    assert shut["status"] == "Failed"
    rejected = {step["StepName"]: step for step in shut["steps"]}["Rejected"]
    assert rejected["FailureReason"] == "npmi 0.25 is below 0.5"
    assert opened["status"] == "Succeeded"
    steps = {step["StepName"]: step for step in opened["steps"]}
    assert steps["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert "CacheHitResult" in steps["Evaluate"]
