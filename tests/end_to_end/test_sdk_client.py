"""The SageMaker Python SDK as a client of the local cloud, running the published examples.

Version 3 owns the package name of version 2 and a gigabyte of packages, so it has an environment of its own, which
``make test-sdk-v3`` installs.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Clients, root

# The SDK polls jobs every 10 or 30 seconds, which suits AWS instances; here its clock runs faster.
# Validation is off because the SDK validates its whole configuration on every lookup, which is slow.
_HURRIED = """\
import runpy, sys, time
import sagemaker.utils
sagemaker.utils.validate_sagemaker_config = lambda settings: None
started, now, pause = time.time(), time.time, time.sleep
time.time = lambda: started + (now() - started) * 20
time.sleep = lambda seconds: pause(seconds / 20)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def role(clients: Clients) -> str:
    """A typical SageMaker execution role."""
    iam = clients("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    # Version 3 also asks for network interfaces.
    actions = ["s3:*", "ecr:*", "logs:*", "cloudwatch:*", "ec2:*"]
    work = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    arn: str = iam.create_role(
        RoleName="sdk-user", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [work]})
    iam.put_role_policy(RoleName="sdk-user", PolicyName="work", PolicyDocument=policy)
    return arn


_V3 = root() / ".venv-sdk-v3" / "bin" / "python"


@pytest.fixture(scope="module", params=["v2", "v3"])
def results(
    request: pytest.FixtureRequest,
    environ: Mapping[str, str],
    clients: Clients,
    role: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    directory = tmp_path_factory.mktemp("sdk")
    config = directory / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
    if request.param == "v2":
        command = [sys.executable, "-c", _HURRIED, str(root() / "examples" / "sagemaker_sdk.py")]
    elif _V3.exists():
        command = [str(_V3), str(root() / "examples" / "sagemaker_sdk_v3.py")]
    else:
        pytest.skip("version 3 is not installed: make test-sdk-v3")
    options = {"--role": role, "--bucket": f"sdk-user-{request.param}", "--output": str(directory / "results.json")}
    done = subprocess.run(
        [*command, *(word for option in options.items() for word in option)],
        env={**environ, "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config), "HOME": str(directory)},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(Path(directory / "results.json").read_text())


def _are_separated(subjects: list[str], weights: list[list[float]]) -> bool:
    """Return whether each subject has its own topic, in at least 90 % of the documents."""
    found = [(subject, row.index(max(row))) for subject, row in zip(subjects, weights, strict=True)]
    usual = {subject: _commonest([topic for name, topic in found if name == subject]) for subject in subjects}
    right = sum(usual[subject] == topic for subject, topic in found)
    return len(set(usual.values())) == len(usual) and right >= 0.9 * len(found)


def _commonest(topics: list[int]) -> int:
    return max(set(topics), key=topics.count)


def test_the_endpoint_separates_the_subjects(results: Any) -> None:
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in results["predicted"])
    assert _are_separated(results["subjects"], results["predicted"])


def test_the_transform_job_separates_the_subjects(results: Any) -> None:
    assert _are_separated(results["subjects"], results["transformed"])


def test_the_best_trial_has_the_lowest_loss(results: Any) -> None:
    trials = results["trials"]
    assert len(trials) == 4
    assert min(trials, key=lambda trial: trial["FinalObjectiveValue"])["TrainingJobName"] == results["best"]
    assert all(0.003 <= trial["learning_rate"] <= 0.05 for trial in trials)
    assert {trial["optimizer"] for trial in trials} <= {"adam", "rmsprop"}


def test_the_train_channel_was_shared_by_two_hosts(results: Any, clients: Clients) -> None:
    name = results["model"].split("/")[-3]
    job = clients("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["ResourceConfig"]["InstanceCount"] == 2
    train = next(channel for channel in job["InputDataConfig"] if channel["ChannelName"] == "train")
    assert train["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "ShardedByS3Key"
    streams = clients("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    assert len(streams) == 2
