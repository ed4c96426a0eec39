"""Endpoints with several variants, shadows, serverless capacity and data capture, and their CloudWatch metrics."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.hosting.support import (
    describe,
    invoke,
    make_config,
    make_endpoint,
    make_model,
    serverless_variant_of,
    settled,
    start_endpoint,
    variant_of,
)
from tests.localcloud.support import BUCKET, SmallCloud, wait_for

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def _total(cloud: SmallCloud, endpoint: str, variant: str, metric: str) -> float:
    """Return the sum of a metric over the last minutes."""
    now = datetime.now(UTC)
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    which = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions}
    found = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": which, "Period": 3600, "Stat": "Sum"}}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
    )
    return float(sum(found["MetricDataResults"][0]["Values"]))


def test_requests_go_to_variants_by_weight_or_by_name(cloud: SmallCloud) -> None:
    variants = [
        variant_of(make_model(cloud, "ab-a", "a"), "A", weight=1),
        variant_of(make_model(cloud, "ab-b", "b"), "B", weight=3),
        variant_of(make_model(cloud, "ab-c", "c"), "C", weight=0),
    ]
    endpoint = start_endpoint(cloud, "ab", make_config(cloud, "ab", variants))
    assert [variant["CurrentWeight"] for variant in endpoint["ProductionVariants"]] == [1, 3, 0]
    runtime = cloud.client("sagemaker-runtime")
    answers = [runtime.invoke_endpoint(EndpointName="ab", Body=b"x") for _ in range(60)]
    counts = dict.fromkeys("abc", 0)
    for answer in answers:
        name = json.loads(answer["Body"].read())["answer"]
        assert answer["InvokedProductionVariant"] == name.upper()
        counts[name] += 1
    assert counts["b"] > counts["a"] > counts["c"] == 0
    assert invoke(cloud, "ab", TargetVariant="C")["answer"] == "c"
    desired = [{"VariantName": "A", "DesiredWeight": 0}, {"VariantName": "B", "DesiredWeight": 0}]
    desired.append({"VariantName": "C", "DesiredWeight": 1})
    cloud.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="ab", DesiredWeightsAndCapacities=desired
    )
    settled(cloud, "ab")
    assert {invoke(cloud, "ab")["answer"] for _ in range(5)} == {"c"}
    wait_for(lambda: _total(cloud, "ab", "C", "Invocations") == 6)
    assert _total(cloud, "ab", "A", "Invocations") + _total(cloud, "ab", "B", "Invocations") == 60


@pytest.mark.parametrize(("weight", "fewest", "most"), [(1.0, 20, 20), (0.5, 1, 19)])
def test_shadow_gets_its_share_and_its_answers_are_discarded(
    cloud: SmallCloud, weight: float, fewest: int, most: int
) -> None:
    name = f"shadowed-{round(weight * 10)}"
    shadow = variant_of(make_model(cloud, f"{name}-shadow", "shadow"), "Shadow", weight=weight)
    production = variant_of(make_model(cloud, name, "production"))
    config = make_config(cloud, name, [production], ShadowProductionVariants=[shadow])
    endpoint = start_endpoint(cloud, name, config)
    assert [variant["VariantName"] for variant in endpoint["ShadowProductionVariants"]] == ["Shadow"]
    assert {invoke(cloud, name)["answer"] for _ in range(20)} == {"production"}
    wait_for(lambda: _total(cloud, name, "AllTraffic", "Invocations") == 20)
    wait_for(lambda: _total(cloud, name, "Shadow", "Invocations") >= fewest)
    assert _total(cloud, name, "Shadow", "Invocations") <= most
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ValidationError, match="Variant Shadow not found"):
        runtime.invoke_endpoint(EndpointName=name, Body=b"x", TargetVariant="Shadow")


def test_failing_shadow_does_not_affect_callers(cloud: SmallCloud) -> None:
    shadow = variant_of(make_model(cloud, "frail-shadow", "shadow"), "Shadow")
    production = variant_of(make_model(cloud, "frail", "production"))
    start_endpoint(cloud, "frail", make_config(cloud, "frail", [production], ShadowProductionVariants=[shadow]))
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(EndpointName="frail", Body=b"status 503")
    wait_for(lambda: _total(cloud, "frail", "Shadow", "Invocation5XXErrors") == 1)
    assert invoke(cloud, "frail")["answer"] == "production"


def test_captured_data_has_sagemakers_paths_and_format(cloud: SmallCloud) -> None:
    variant = variant_of(make_model(cloud, "capturing", "7"))
    endpoint = start_endpoint(cloud, "capturing", make_config(cloud, "capturing", [variant], DataCaptureConfig=CAPTURE))
    assert endpoint["DataCaptureConfig"]["CaptureStatus"] == "Started"
    runtime = cloud.client("sagemaker-runtime")
    request = {"EndpointName": "capturing", "ContentType": "text/csv", "Accept": "application/json"}
    for number in range(3):
        runtime.invoke_endpoint(Body=f"1,{number}", InferenceId=f"id-{number}", CustomAttributes="a=b", **request)
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(Body=b"bad", **request)
    lines = wait_for(lambda: found if len(found := _captured(cloud, "capturing")) == 3 else None)
    inputs = [line["captureData"]["endpointInput"] for line in lines]
    assert sorted(item["data"] for item in inputs) == ["1,0", "1,1", "1,2"]
    assert {item["encoding"] for item in inputs} == {"CSV"}
    output = lines[0]["captureData"]["endpointOutput"]
    assert (output["encoding"], json.loads(output["data"])["answer"]) == ("JSON", "7")
    assert {line["eventMetadata"]["inferenceId"] for line in lines} == {"id-0", "id-1", "id-2"}
    assert lines[0]["eventMetadata"]["customAttributes"] == ["a=b"]


def _captured(cloud: SmallCloud, endpoint: str) -> list[dict[str, Any]]:
    s3 = cloud.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{endpoint}/").get("Contents", [])
    lines = []
    for item in found:
        prefix, _, name = item["Key"].rpartition("/")
        assert datetime.strptime(prefix, f"captured/{endpoint}/AllTraffic/%Y/%m/%d/%H")
        assert name.endswith(".jsonl")
        lines += s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode().splitlines()
    return [json.loads(line) for line in lines]


def test_capture_without_permission_is_reported_as_stopped(cloud: SmallCloud) -> None:
    variant = variant_of(make_model(cloud, "mute", "7"))
    nowhere = {**CAPTURE, "DestinationS3Uri": "s3://no-such-bucket/captured"}
    start_endpoint(cloud, "mute", make_config(cloud, "mute", [variant], DataCaptureConfig=nowhere))
    invoke(cloud, "mute")
    wait_for(lambda: describe(cloud, "mute")["DataCaptureConfig"]["CaptureStatus"] == "Stopped")


def test_serverless_endpoint_has_a_worker_only_around_requests(cloud: SmallCloud) -> None:
    config = make_config(cloud, "serverless", [serverless_variant_of(make_model(cloud, "serverless", "cold"))])
    endpoint = start_endpoint(cloud, "serverless", config)
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    [variant] = endpoint["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    assert "CurrentInstanceCount" not in variant
    wait_for(lambda: not _processes(cloud, "serverless"))
    pid = invoke(cloud, "serverless", b"pid")
    assert _processes(cloud, "serverless") == {pid}
    assert invoke(cloud, "serverless", b"pid") == pid
    wait_for(lambda: _total(cloud, "serverless", "AllTraffic", "ModelSetupTime") > 0)
    wait_for(lambda: not _processes(cloud, "serverless"))
    assert invoke(cloud, "serverless", b"pid") != pid


def _processes(cloud: SmallCloud, endpoint: str) -> set[int]:
    """Return the processes that work in one of the endpoint's directories."""
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"SAGEMAKER_BASE_DIR={cloud.state}/endpoints/{endpoint}/".encode() in environ.read_bytes():
                found.add(int(environ.parent.name))
    return found


def test_serverless_endpoint_throttles_above_its_concurrency(cloud: SmallCloud) -> None:
    model = make_model(cloud, "throttled", "1")
    variant = serverless_variant_of(model, MaxConcurrency=2, ProvisionedConcurrency=1)
    start_endpoint(cloud, "throttled", make_config(cloud, "throttled", [variant]))
    assert len(_processes(cloud, "throttled")) == 1
    release = threading.Event()
    held: list[Any] = []

    def hold() -> None:
        while not release.is_set():
            with contextlib.suppress(cloud.client("sagemaker-runtime").exceptions.ClientError):
                held.append(invoke(cloud, "throttled", b"sleep 0.3"))

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: _total(cloud, "throttled", "AllTraffic", "Invocation4XXErrors") > 0)
        assert len(_processes(cloud, "throttled")) <= 2
    finally:
        release.set()
        for thread in threads:
            thread.join()
    assert held
    with pytest.raises(cloud.client("sagemaker-runtime").exceptions.ClientError, match="exceeded 4194304 bytes"):
        invoke(cloud, "throttled", b"x" * (4 * 1024 * 1024 + 1))
    client = cloud.client("sagemaker")
    update = {"VariantName": "AllTraffic", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}
    client.update_endpoint_weights_and_capacities(EndpointName="throttled", DesiredWeightsAndCapacities=[update])
    [changed] = settled(cloud, "throttled")["ProductionVariants"]
    assert changed["CurrentServerlessConfig"]["MaxConcurrency"] == 1


def test_serverless_model_that_fails_to_start_fails(cloud: SmallCloud) -> None:
    config = make_config(cloud, "hopeless", [serverless_variant_of(make_model(cloud, "hopeless", "broken"))])
    endpoint = start_endpoint(cloud, "hopeless", config)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "this model cannot be served" in endpoint["FailureReason"]


def test_request_whose_worker_dies_goes_to_another(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "mortal", "1")
    assert invoke(cloud, "mortal", b"die once alone")["answer"] == "1"
    client = cloud.client("sagemaker")
    desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    client.update_endpoint_weights_and_capacities(EndpointName="mortal", DesiredWeightsAndCapacities=desired)
    settled(cloud, "mortal")
    assert invoke(cloud, "mortal", b"die once together")["answer"] == "1"


def test_worker_that_is_killed_before_it_is_ready_is_replaced(cloud: SmallCloud) -> None:
    endpoint = make_endpoint(cloud, "reborn", "killed young")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")


def test_request_refused_by_a_stopping_worker_goes_to_another(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "leaving", "1")
    assert invoke(cloud, "leaving", b"stop once")["answer"] == "1"
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match=r"server error \(503\)"):
        runtime.invoke_endpoint(EndpointName="leaving", Body=b"status 503")


def test_request_that_kills_every_worker_fails(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "poisoned", "1")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="ended on this request"):
        runtime.invoke_endpoint(EndpointName="poisoned", Body=b"die")
    assert invoke(cloud, "poisoned")["answer"] == "1"


def test_no_request_fails_while_workers_are_killed_and_the_endpoint_is_scaled(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "besieged", "1", count=2)
    answers, errors = _under_load(cloud, "besieged", lambda: _siege(cloud))
    assert errors == []
    assert set(answers) == {"1"}


def _siege(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    for count in (1, 2, 1):
        for pid in _processes(cloud, "besieged"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        client.update_endpoint_weights_and_capacities(EndpointName="besieged", DesiredWeightsAndCapacities=desired)
        settled(cloud, "besieged")


def _under_load(cloud: SmallCloud, endpoint: str, work: Callable[[], object]) -> tuple[list[str], list[Exception]]:
    """Send requests from several threads while ``work`` runs; return the responses and the errors."""
    stop, answers, errors = threading.Event(), list[str](), list[Exception]()

    def ask() -> None:
        runtime = cloud.client("sagemaker-runtime")
        while not stop.wait(0.02):
            try:
                body = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"sleep 0.01")["Body"].read()
                answers.append(json.loads(body)["answer"])
            except Exception as error:
                errors.append(error)

    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(ask) for _ in range(3)]
        try:
            work()
        finally:
            stop.set()
    for future in asking:
        future.result()
    return answers, errors
