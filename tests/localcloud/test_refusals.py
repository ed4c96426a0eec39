"""Requests of the catalogue of AWS's refusals, sent to the local cloud."""

import re

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localcloud.support import REGION, SmallCloud
from tests.refusals.catalogue import RequestCheck, refusals

REQUESTS = [
    pytest.param(check, id=refusal.id)
    for refusal in refusals()
    for check in refusal.checks
    if isinstance(check, RequestCheck)
]


@pytest.mark.parametrize("check", REQUESTS)
def test_request_is_refused(check: RequestCheck, cloud: SmallCloud) -> None:
    client = boto3.client(  # type: ignore[call-overload]
        check.request.service,
        region_name=REGION,
        endpoint_url=cloud.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as refused:
        client._make_api_call(check.request.operation, check.request.parameters)
    error = refused.value.response["Error"]
    assert error["Code"] == check.error, error
    assert re.search(check.message, error["Message"]), error["Message"]
