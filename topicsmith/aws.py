"""The AWS clients of one command, made when first used: loading boto3 takes longer than printing help."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from topicsmith import invocation, local_cloud

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient


class Clients:
    """Clients with the credentials, region and endpoint that the environment variables give."""

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Stacks and their outputs."""
        import boto3

        return boto3.client("cloudformation", config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda functions."""
        import boto3

        return boto3.client("lambda", config=self._config)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Logs of jobs and functions."""
        import boto3

        return boto3.client("logs", config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        """The data bucket."""
        import boto3

        return boto3.client("s3", config=self._config)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """Pipelines, model packages and endpoints."""
        import boto3

        return boto3.client("sagemaker", config=self._config)

    @cached_property
    def runtime(self) -> "SageMakerRuntimeClient":
        """Requests to an endpoint; throttled ones and those that SageMaker failed at are tried again."""
        import boto3
        from botocore.config import Config

        # A model has a minute for its answer; boto3 would give up at the same moment.
        config = Config(retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=70)
        return boto3.client("sagemaker-runtime", config=config)

    @property
    def where(self) -> str:
        """The cloud that these clients talk to, as a message names it."""
        if is_local():
            return f"the local cloud at {os.environ['AWS_ENDPOINT_URL']}"
        return f"this account in {self.cloudformation.meta.region_name}"

    @property
    def poll_seconds(self) -> float:
        """How long to wait between two looks at something that changes: SageMaker throttles describe calls."""
        return 0.5 if is_local() else 5.0

    @property
    def patience(self) -> float:
        """How much longer things may take than on one machine."""
        return 1.0 if is_local() else 10.0

    @cached_property
    def _config(self) -> "Config":
        from botocore.config import Config

        return Config(retries={"mode": "standard"})


def is_local() -> bool:
    """Tell whether AWS's API is answered on this machine: by --local, or by the variables of ``local env``."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://localhost:")


def connect() -> Clients:
    """Return clients of the cloud that the operator chose: AWS, or with --local the local cloud.

    Raises:
        OperatorError: the local cloud is not running.
    """
    if invocation.with_local_option():
        local_cloud.use(local_cloud.require())
    return Clients()
