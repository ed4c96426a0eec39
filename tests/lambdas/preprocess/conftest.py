import os
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends
from mypy_boto3_s3 import S3Client

# As in the function's zip file, its modules are at the root of sys.path.
sys.path.insert(0, str(Path(__file__).parents[3] / "lambdas" / "preprocess"))
os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"  # it warns when imported


@pytest.fixture(scope="module")
def mocked_s3() -> Iterator[S3Client]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield boto3.client("s3")


@pytest.fixture
def s3(mocked_s3: S3Client) -> Iterator[S3Client]:
    """Return an S3 client; the only bucket is ``data``, empty."""
    mocked_s3.create_bucket(Bucket="data")
    yield mocked_s3
    s3_backends.reset()
