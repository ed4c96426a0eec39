"""A small cloud in a separate process, with helpers for tests."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.credentials import Credentials

from localcloud.core.ecr_tokens import encode

T = TypeVar("T")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = "small-bucket"
REPOSITORY = "small"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:1"


@dataclass
class SmallCloud:
    """A running server, with clients and helpers."""

    process: subprocess.Popen[bytes]
    environ: dict[str, str]
    state: Path
    role_arn: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """Return a cached client; it is safe to share between threads."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(  # type: ignore[call-overload]
                    service,
                    region_name=REGION,
                    endpoint_url=self.environ["AWS_ENDPOINT_URL"],
                    aws_access_key_id="testing",
                    aws_secret_access_key="testing",
                )
        return self._clients[service]

    def role(self, name: str, *services: str) -> str:
        """Create a role that the services may assume and return its ARN."""
        statement = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        return str(role["Role"]["Arn"])

    def put(self, key: str, body: bytes | str) -> str:
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def log(self, group: str, prefix: str = "") -> list[str]:
        """Return the lines of a log group's streams that begin with ``prefix``, empty if there is no such group."""
        logs = self.client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        names = [stream["logStreamName"] for stream in streams if stream["logStreamName"].startswith(prefix)]
        return [
            event["message"]
            for name in names
            for event in logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
        ]

    def package(self, files: Mapping[str, str], mode: int = 0o644) -> bytes:
        """Return a function's deployment package, a zip of ``files``."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            for path, content in files.items():
                member = zipfile.ZipInfo(path)
                member.external_attr = mode << 16
                package.writestr(member, content)
        return archive.getvalue()

    def function(self, name: str, files: Mapping[str, str], **more: Any) -> str:
        """Create a function and return its ARN."""
        request = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": self.role_arn,
            "Code": {"ZipFile": self.package(files)},
            "Timeout": 30,
            "MemorySize": 256,
        }
        return str(self.client("lambda").create_function(**request | more)["FunctionArn"])

    def docker(self, *arguments: str, directory: Path = HERE, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.state / "bin" / "docker"), *arguments],
            cwd=directory,
            env=self.environ,
            capture_output=True,
            text=True,
            **options,
        )


def wait_for(look: Callable[[], T | None], seconds: float = 600) -> T:
    """Poll ``look`` with growing pauses and return its first truthy result; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)
    raise AssertionError(f"timed out after {seconds} s")


def start_cloud(state: Path) -> SmallCloud:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "LOCALCLOUD_STATE": str(state),
        "LOCALCLOUD_PORT": str(port),
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LOCALCLOUD_MINUTE_SECONDS": "1",
        "LOCALCLOUD_NODE_MODULES": str(ROOT / "node_modules"),
        "MOTO_PORT": str(port),
        "PYTHONPATH": str(ROOT / "localcloud"),
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "small_cloud.py"), str(port)], env=environ, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return SmallCloud(process, environ, state)


def stop_cloud(cloud: SmallCloud) -> None:
    assert cloud.process.stdout is not None
    cloud.process.kill()
    cloud.process.wait()
    cloud.process.stdout.close()


def set_up(cloud: SmallCloud) -> None:
    cloud.role_arn = cloud.role("worker", "sagemaker.amazonaws.com", "lambda.amazonaws.com")
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    cloud.client("ecr").create_repository(repositoryName=REPOSITORY)
    subprocess.run(
        [sys.executable, "-c", "from localcloud.runtime import docker_cli; docker_cli.write_executable()"],
        env=cloud.environ,
        check=True,
    )
    for command in (
        ["build", "--tag", "cdkasset-small", "--file", "Dockerfile", "--platform", "linux/amd64", "."],
        ["tag", "cdkasset-small", IMAGE],
        ["login", "--username", "AWS", "--password-stdin", IMAGE.partition("/")[0]],
        ["push", IMAGE],
    ):
        done = cloud.docker(*command, directory=HERE / "image", input=encode(Credentials("testing", "testing")))
        assert done.returncode == 0, done.stderr
