"""Soak test of a local cloud's endpoint: no request may fail while instances are killed and updates run."""

import itertools
import json
import os
import random
import signal
import socket
import sys
import tarfile
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from _servers import body, write_random_model

from _common import command, console, show  # isort: skip  (importable once _servers has extended sys.path)

sys.path.insert(0, str(Path(__file__).parents[2]))

from localcloud import control
from topicsmith.core import local_cloud

ENDPOINT, BUCKET = "soak", "soak-models"
# The built-in NTM's image URI; the local cloud runs this checkout's container instead.
_IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1"
_FORMS = (("text", 1), ("text", 1), ("text", 50), ("sparse", 20))


class Clients:
    """Threads that invoke an endpoint back to back and count the outcomes."""

    def __init__(self, requests: list[tuple[bytes, int]], count: int) -> None:
        self.seen: Counter[str] = Counter()
        self.latencies: list[float] = []
        self._requests = requests
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the requests in flight have finished."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        import boto3
        from botocore.config import Config

        # Retries would hide failures.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=70)
        runtime = boto3.session.Session().client("sagemaker-runtime", config=config)
        choose = random.Random(seed)
        while not self._stopped.is_set():
            content, documents = choose.choice(self._requests)
            begun = time.perf_counter()
            outcome = _outcome(runtime, content, documents)
            self.latencies.append(1000 * (time.perf_counter() - begun))
            self.seen[outcome] += 1


def main(
    instances: Annotated[int, typer.Option(help="Instances of the endpoint.", min=1)] = 2,
    clients: Annotated[int, typer.Option(help="Threads, each with one request in flight.", min=1)] = 16,
    minutes: Annotated[float, typer.Option(help="Duration of the test.", min=0.1)] = 10.0,
    kill_every: Annotated[float, typer.Option(help="Seconds between kills; 0 disables them.", min=0)] = 20.0,
    updates: Annotated[int, typer.Option(help="Number of UpdateEndpoint calls, evenly spaced.", min=0)] = 2,
) -> None:
    """Start a local cloud with an endpoint and put load on it; exit with code 1 if a request failed.

    Kills send SIGKILL to the first process of one container at a time. Each update switches to another endpoint
    configuration with the same model.

      soak.py --minutes 10 --clients 16
    """
    with TemporaryDirectory() as temporary:
        state = Path(temporary) / "state"
        words = write_random_model(Path(temporary), 2000)
        try:
            local_cloud.use(local_cloud.start(_free_port(), state))
            sagemaker = _endpoint(Path(temporary) / "model", instances)
            requests = [(body(form, words, documents), documents) for form, documents in _FORMS]
            asking = Clients(requests, clients)
            try:
                killed = _disturb(sagemaker, instances, 60 * minutes, kill_every, updates)
            finally:
                asking.stop()
        finally:
            control.down(state)
    answered = asking.seen.pop("answered", 0)
    rows = [("answered", f"{answered:,}"), *((name, f"{count:,}") for name, count in asking.seen.most_common())]
    show(f"{minutes:g} minutes, {killed} instances killed, {updates} updates", ["outcome", "requests"], rows)
    latencies = sorted(asking.latencies)
    p50, p99 = (latencies[len(latencies) * q // 100] for q in (50, 99))
    console.print(f"\np50 {p50:,.0f} ms, p99 {p99:,.0f} ms, slowest response {latencies[-1]:,.0f} ms.")
    if asking.seen or not answered:
        raise typer.Exit(1)


def _disturb(sagemaker: Any, instances: int, seconds: float, kill_every: float, updates: int) -> int:
    """Kill instances and update the endpoint for ``seconds``; return the number of instances killed."""
    begun = time.monotonic()
    kill_times = itertools.count(begun + kill_every, kill_every) if kill_every else itertools.repeat(float("inf"))
    next_kill, killed = next(kill_times), 0
    update_times = [begun + seconds * number / (updates + 1) for number in range(1, updates + 1)]
    while (now := time.monotonic()) < begun + seconds:
        if now >= next_kill:
            killed += _kill_one()
            next_kill = next(kill_times)
        if update_times and now >= update_times[0]:
            del update_times[0]
            name = _config(sagemaker, f"{ENDPOINT}-{len(update_times)}", instances)
            sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)
            console.print(f"{now - begun:.0f} s: update to {name}", soft_wrap=True)
        time.sleep(0.1)
    status = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    console.print(f"{status['EndpointStatus']} with {status['EndpointConfigName']}", soft_wrap=True)
    return killed


def _outcome(runtime: Any, content: bytes, documents: int) -> str:
    try:
        answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="application/json", Body=content)
        found = len(json.loads(answer["Body"].read())["predictions"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "answered" if found == documents else f"{found} answers to {documents} documents"


def _endpoint(model: Path, instances: int) -> Any:
    """Create an endpoint from a model directory and return a SageMaker client once the endpoint is in service."""
    import boto3

    archive = model.with_name("model.tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        for path in model.iterdir():
            tar.add(path, path.name)
    s3, iam, sagemaker = (boto3.client(service) for service in ("s3", "iam", "sagemaker"))
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(archive), BUCKET, archive.name)
    trusted = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "logs:*"], "Resource": "*"}
    role = iam.create_role(RoleName=ENDPOINT, AssumeRolePolicyDocument=_policy(trusted))["Role"]["Arn"]
    iam.put_role_policy(RoleName=ENDPOINT, PolicyName=ENDPOINT, PolicyDocument=_policy(allowed))
    container = {"Image": _IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{archive.name}"}
    sagemaker.create_model(ModelName=ENDPOINT, ExecutionRoleArn=role, PrimaryContainer=container)
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=_config(sagemaker, ENDPOINT, instances))
    while (described := sagemaker.describe_endpoint(EndpointName=ENDPOINT))["EndpointStatus"] == "Creating":
        time.sleep(0.2)
    if described["EndpointStatus"] != "InService":
        raise SystemExit(f"The endpoint is {described['EndpointStatus']}: {described.get('FailureReason')}")
    return sagemaker


def _config(sagemaker: Any, name: str, instances: int) -> str:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ENDPOINT,
        "InitialInstanceCount": instances,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _kill_one() -> int:
    """Kill a container of this benchmark, if there is one; return how many were killed."""
    state = os.environ["LOCALCLOUD_STATE"].encode()
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _is_container(path, state)]
    if not found:
        return 0
    os.kill(random.choice(found), signal.SIGKILL)
    return 1


def _is_container(process: Path, state: bytes) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        environ = (process / "environ").read_bytes()
        # A container's first process is its process group leader.
        leads = os.getpgid(int(process.name)) == int(process.name)
    except OSError:
        return False
    return leads and len(words) > 1 and words[1].endswith(b"/serve") and b"SAGEMAKER_BASE_DIR=" + state in environ


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    command(main)
