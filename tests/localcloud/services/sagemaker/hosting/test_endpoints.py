import io
import json
import os
import signal
import tarfile
import threading

import pytest

from tests.localcloud.services.sagemaker.hosting.support import config_of, invoke, make_endpoint, model_data, settled
from tests.localcloud.support import IMAGE, SmallCloud, wait_for


def test_endpoint_serves_its_model(cloud: SmallCloud) -> None:
    endpoint = make_endpoint(cloud, "serving", "42")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    assert endpoint["EndpointConfigName"] == "serving"
    [variant] = endpoint["ProductionVariants"]
    assert [image["SpecifiedImage"] for image in variant.pop("DeployedImages")] == [IMAGE]
    assert variant == {
        "VariantName": "AllTraffic",
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 1,
        "DesiredInstanceCount": 1,
    }
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="serving", Body=b"\xff\x00", ContentType="text/csv", Accept="application/json"
    )
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert json.loads(answer["Body"].read()) == {
        "answer": "42",
        "echo": "\xff\x00",
        "type": "text/csv",
        "accept": "application/json",
        "greeting": "hello from serving",
        "has_credentials": True,
    }
    wait_for(lambda: cloud.log("/aws/sagemaker/Endpoints/serving", "AllTraffic/i-") == ["serving 42"])


def test_container_in_isolation_has_no_credentials(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model(
        ModelName="isolated",
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data(cloud, "isolated", "1")},
        EnableNetworkIsolation=True,
    )
    assert client.describe_model(ModelName="isolated")["EnableNetworkIsolation"]
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "isolated",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m6i.large",
    }
    client.create_endpoint_config(EndpointConfigName="isolated", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="isolated", EndpointConfigName="isolated")
    assert settled(cloud, "isolated")["EndpointStatus"] == "InService"
    assert not invoke(cloud, "isolated")["has_credentials"]


def test_error_of_the_container_is_a_model_error(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "refusing", "1")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="refusing", Body=b"bad")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == '{"error": "no such thing as bad"}'
    assert 'Received client error (400) from primary with message "{"error"' in response["Error"]["Message"]


def test_requests_that_sagemaker_itself_refuses(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "limited", "1")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ValidationError, match="Endpoint nothing of account 123456789012 not found"):
        runtime.invoke_endpoint(EndpointName="nothing", Body=b"")
    with pytest.raises(runtime.exceptions.ClientError, match="exceeded 6291456 bytes"):
        runtime.invoke_endpoint(EndpointName="limited", Body=b"x" * (6 * 1024 * 1024 + 1))
    with pytest.raises(runtime.exceptions.ValidationError, match="Variant Other not found"):
        runtime.invoke_endpoint(EndpointName="limited", Body=b"", TargetVariant="Other")


def test_update_swaps_without_a_failed_request(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "swapped", "old")
    stop, answers, errors = threading.Event(), [], []

    def ask() -> None:
        runtime = cloud.client("sagemaker-runtime")
        while not stop.is_set():
            try:
                body = runtime.invoke_endpoint(EndpointName="swapped", Body=b"x")["Body"].read()
                answers.append(json.loads(body)["answer"])
            except Exception as error:
                errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        client = cloud.client("sagemaker")
        config = config_of(cloud, "swapped-new", "new")
        client.update_endpoint(EndpointName="swapped", EndpointConfigName=config)
        with pytest.raises(client.exceptions.ClientError, match="in-progress endpoint"):
            client.update_endpoint(EndpointName="swapped", EndpointConfigName=config)
        assert settled(cloud, "swapped")["EndpointConfigName"] == "swapped-new"
        wait_for(lambda: answers[-1] == "new")
    finally:
        stop.set()
        asking.join()
    assert errors == []
    assert sorted(answers, reverse=True) == answers


def test_update_to_a_broken_model_keeps_the_old_one(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "guarded", "good")
    client = cloud.client("sagemaker")
    client.update_endpoint(EndpointName="guarded", EndpointConfigName=config_of(cloud, "guarded-new", "broken"))
    endpoint = settled(cloud, "guarded")
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == "guarded"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert invoke(cloud, "guarded")["answer"] == "good"


def test_broken_model_fails_with_its_last_output(cloud: SmallCloud) -> None:
    endpoint = make_endpoint(cloud, "stillborn", "broken")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "variant AllTraffic did not pass the ping health check" in endpoint["FailureReason"]
    assert "exited with code 3; its log ends: this model cannot be served" in endpoint["FailureReason"]
    cloud.client("sagemaker").delete_endpoint(EndpointName="stillborn")


def test_archive_with_paths_outside_its_directory_is_refused(cloud: SmallCloud) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO(b""))
    uri = cloud.put("served/hostile/model.tar.gz", archive.getvalue())
    config = config_of(cloud, "hostile", "", Image=IMAGE, ModelDataUrl=uri)
    cloud.client("sagemaker").create_endpoint(EndpointName="hostile", EndpointConfigName=config)
    endpoint = settled(cloud, "hostile")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "cannot be unpacked" in endpoint["FailureReason"]


def test_killed_worker_is_replaced_while_another_answers(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "resilient", "1", count=2)
    pids = _workers(cloud, "resilient")
    assert len(pids) == 2
    victim = pids.pop()
    os.kill(victim, signal.SIGKILL)
    assert victim not in _workers(cloud, "resilient")
    wait_for(lambda: len(_workers(cloud, "resilient")) == 2)
    assert victim not in _workers(cloud, "resilient")


def _workers(cloud: SmallCloud, name: str) -> set[int]:
    return {invoke(cloud, name, b"pid") for _ in range(6)}


def test_scaling_changes_the_number_of_workers(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "scaled", "1")
    client = cloud.client("sagemaker")
    for count in (3, 1):
        desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        client.update_endpoint_weights_and_capacities(EndpointName="scaled", DesiredWeightsAndCapacities=desired)
        assert settled(cloud, "scaled")["ProductionVariants"][0]["CurrentInstanceCount"] == count
        assert len(_workers(cloud, "scaled")) == count


def test_deleted_endpoint_leaves_no_process(cloud: SmallCloud) -> None:
    make_endpoint(cloud, "deleted", "1")
    pid = invoke(cloud, "deleted", b"pid")
    client = cloud.client("sagemaker")
    client.delete_endpoint(EndpointName="deleted")
    wait_for(lambda: _status(cloud, "deleted") in ("Deleting", "gone"))
    wait_for(lambda: _status(cloud, "deleted") == "gone")
    assert not _lives(pid)
    assert not list((cloud.state / "endpoints" / "deleted").glob("*"))


def _status(cloud: SmallCloud, name: str) -> str:
    client = cloud.client("sagemaker")
    try:
        return str(client.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except client.exceptions.ClientError as error:
        return "gone" if "Could not find endpoint" in str(error) else str(error)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_model_package_is_deployed_with_its_specification(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="packaged")
    container = {
        "Image": IMAGE,
        "ModelDataUrl": model_data(cloud, "packaged", "from a package"),
        "Environment": {"GREETING": "packaged"},
    }
    package = client.create_model_package(
        ModelPackageGroupName="packaged",
        InferenceSpecification={"Containers": [container]},
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    client.create_model(
        ModelName="packaged", ExecutionRoleArn=cloud.role_arn, PrimaryContainer={"ModelPackageName": package}
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "packaged",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.c7g.large",
    }
    client.create_endpoint_config(EndpointConfigName="packaged", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="packaged", EndpointConfigName="packaged")
    assert settled(cloud, "packaged")["EndpointStatus"] == "InService"
    answer = invoke(cloud, "packaged")
    assert (answer["answer"], answer["greeting"]) == ("from a package", "packaged")


def test_model_is_refused_without_its_image_or_data(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    error = client.exceptions.ClientError
    with pytest.raises(error, match=r"Could not find model data at s3://small-bucket/nowhere\.tar\.gz"):
        config_of(cloud, "dataless", "", Image=IMAGE, ModelDataUrl="s3://small-bucket/nowhere.tar.gz")
    with pytest.raises(error, match="cannot pull"):
        config_of(cloud, "imageless", "", Image=IMAGE.replace(":1", ":2"))
    with pytest.raises(error, match="Could not find model"):
        client.describe_model(ModelName="dataless")


def test_instance_type_must_exist(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    data = model_data(cloud, "typed", "1")
    client.create_model(
        ModelName="typed",
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": data},
    )
    variant = {"VariantName": "A", "ModelName": "typed", "InitialInstanceCount": 1, "InstanceType": "ml.huge"}
    with pytest.raises(client.exceptions.ClientError, match=r"Value 'ml\.huge'"):
        client.create_endpoint_config(EndpointConfigName="typed", ProductionVariants=[variant])
