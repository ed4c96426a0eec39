from typing import Any

import pytest
from moto.sagemaker.exceptions import ValidationError

from localcloud.services.sagemaker.hosting.endpoint_configs import LocalEndpointConfig
from tests.localcloud.services.sagemaker.hosting.support import serverless_variant_of, variant_of
from tests.localcloud.support import ACCOUNT, REGION

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def _config(*variants: dict[str, Any], **more: Any) -> LocalEndpointConfig:
    return LocalEndpointConfig(
        {"EndpointConfigName": "config", "ProductionVariants": list(variants), **more}, ACCOUNT, REGION
    )


def test_description_has_everything_requested() -> None:
    shadow = variant_of("model", "Shadow")
    described = _config(
        variant_of("model"), ShadowProductionVariants=[shadow], DataCaptureConfig=CAPTURE, EnableNetworkIsolation=True
    ).response_object
    assert described["ShadowProductionVariants"] == [shadow]
    assert described["DataCaptureConfig"] == CAPTURE
    assert described["EnableNetworkIsolation"] is True
    assert "KmsKeyId" not in described


@pytest.mark.parametrize(
    ("variants", "more", "message"),
    [
        ([variant_of("m"), variant_of("m")], {}, "names of variants must differ; they are AllTraffic, AllTraffic"),
        ([variant_of("m", str(number)) for number in range(11)], {}, "11 members; allowed: 1 to 10"),
        ([variant_of("m", count=0)], {}, "InitialInstanceCount of variant AllTraffic is 0; allowed: 1 or more"),
        ([variant_of("m", weight=-1)], {}, "InitialVariantWeight of variant AllTraffic is -1.0; allowed: 0 or more"),
        (
            [variant_of("m", "A"), variant_of("m", "B")],
            {"ShadowProductionVariants": [variant_of("m", "C")]},
            "only one variant in ProductionVariants and one in ShadowProductionVariants; there are 2 and 1",
        ),
        ([serverless_variant_of("m", MemorySizeInMB=1500)], {}, "Value '1500' at 'MemorySizeInMB'"),
        ([serverless_variant_of("m", MaxConcurrency=201)], {}, "MaxConcurrency is 201; allowed: 1 to 200"),
        ([serverless_variant_of("m", ProvisionedConcurrency=3)], {}, "ProvisionedConcurrency is 3; allowed: 1 to 2"),
        (
            [{**variant_of("m"), **serverless_variant_of("m")}],
            {},
            "has ServerlessConfig, which excludes InitialInstanceCount, InstanceType",
        ),
        (
            [serverless_variant_of("m")],
            {"DataCaptureConfig": CAPTURE, "EnableNetworkIsolation": True},
            "A serverless endpoint does not support DataCaptureConfig, EnableNetworkIsolation",
        ),
        (
            [variant_of("m")],
            {"ExplainerConfig": {"ClarifyExplainerConfig": {}}},
            "ExplainerConfig: not supported",
        ),
        (
            [variant_of("m")],
            {"DataCaptureConfig": {**CAPTURE, "DestinationS3Uri": "https://bucket"}},
            "DestinationS3Uri: Invalid S3 URI 'https://bucket'",
        ),
    ],
)
def test_wrong_config_is_refused(variants: list[dict[str, Any]], more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config(*variants, **more)
