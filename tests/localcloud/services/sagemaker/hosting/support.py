"""Models and endpoints in the small cloud, for tests of hosting."""

import io
import json
import tarfile
from collections.abc import Sequence
from typing import Any

from tests.localcloud.support import IMAGE, SmallCloud, wait_for

SETTLED = ("InService", "Failed")


def model_data(cloud: SmallCloud, name: str, answer: str) -> str:
    """Upload a model that responds with ``answer`` and return its S3 URI."""
    body = json.dumps({"answer": answer}).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("model.json")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return cloud.put(f"served/{name}/model.tar.gz", archive.getvalue())


def make_model(cloud: SmallCloud, name: str, answer: str, **container: Any) -> str:
    definition = container or {"Image": IMAGE, "ModelDataUrl": model_data(cloud, name, answer)}
    cloud.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={"Environment": {"GREETING": f"hello from {name}"}, **definition},
    )
    return name


def variant_of(model: str, name: str = "AllTraffic", count: int = 1, weight: float = 1.0) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": "ml.m6i.large",
        "InitialVariantWeight": weight,
    }


def serverless_variant_of(model: str, **config: int) -> dict[str, Any]:
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2, **config},
    }


def make_config(cloud: SmallCloud, name: str, variants: Sequence[dict[str, Any]], **more: Any) -> str:
    request = {"EndpointConfigName": name, "ProductionVariants": list(variants), **more}
    cloud.client("sagemaker").create_endpoint_config(**request)
    return name


def config_of(cloud: SmallCloud, name: str, answer: str, count: int = 1, **container: Any) -> str:
    """Create a model and an endpoint configuration with one variant, both named ``name``."""
    return make_config(cloud, name, [variant_of(make_model(cloud, name, answer, **container), count=count)])


def describe(cloud: SmallCloud, name: str) -> dict[str, Any]:
    described: dict[str, Any] = cloud.client("sagemaker").describe_endpoint(EndpointName=name)
    return described


def settled(cloud: SmallCloud, name: str) -> dict[str, Any]:
    """Wait until no operation is in progress and return the endpoint."""

    def look() -> dict[str, Any] | None:
        described = describe(cloud, name)
        return described if described["EndpointStatus"] in SETTLED else None

    return wait_for(look)


def start_endpoint(cloud: SmallCloud, name: str, config: str, **more: Any) -> dict[str, Any]:
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config, **more)
    return settled(cloud, name)


def make_endpoint(cloud: SmallCloud, name: str, answer: str, count: int = 1) -> dict[str, Any]:
    return start_endpoint(cloud, name, config_of(cloud, name, answer, count))


def invoke(cloud: SmallCloud, name: str, body: bytes = b"hello", **more: Any) -> Any:
    runtime = cloud.client("sagemaker-runtime")
    return json.loads(runtime.invoke_endpoint(EndpointName=name, Body=body, **more)["Body"].read())
