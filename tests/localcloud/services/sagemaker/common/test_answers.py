"""Answers leave out what is not set."""

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from localcloud.services.sagemaker.common.answers import without_unset
from tests.localcloud.support import IMAGE, SmallCloud

MODEL = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@pytest.mark.parametrize(
    ("operation", "answer", "left"),
    [
        ("DescribeModel", {"ModelName": "m", "VpcConfig": {}}, {"ModelName": "m"}),
        ("DescribeModel", {"ModelName": "m", "Containers": None}, {"ModelName": "m"}),
        ("DescribeTrainingJob", {"HyperParameters": {}}, {"HyperParameters": {}}),
        (
            "DescribeTrainingJob",
            {"InputDataConfig": [{"ChannelName": "train", "ShuffleConfig": {}}]},
            {"InputDataConfig": [{"ChannelName": "train"}]},
        ),
    ],
)
def test_structures_without_their_required_members_are_left_out(operation: str, answer: Any, left: Any) -> None:
    assert without_unset(MODEL.operation_model(operation).output_shape, answer) == left


def test_a_model_without_a_vpc_has_no_vpc_config(cloud: SmallCloud) -> None:
    client = cloud.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": cloud.put("described/model.tar.gz", b"")}
    client.create_model(ModelName="plain", ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container)
    assert "VpcConfig" not in client.describe_model(ModelName="plain")
    vpc = {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678", "subnet-87654321"]}
    client.create_model(ModelName="inside", ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container, VpcConfig=vpc)
    assert client.describe_model(ModelName="inside")["VpcConfig"] == vpc
