"""AWS clients, created on first use: loading boto3 takes longer than printing help."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from topicsmith.core import environment_file, invocation, local_cloud

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef


class Clients:
    """Clients with the credentials, region and endpoint from the environment variables.

    The region is ``AWS_REGION`` or ``AWS_DEFAULT_REGION``, otherwise the profile's, otherwise the one in the
    environment's file.

    Args:
        profile: Profile of the AWS configuration files; takes precedence over credentials in the variables.
        region: Region; takes precedence over all others.
        environment: Name of the environment that the clients are for.
    """

    def __init__(self, profile: str | None = None, region: str | None = None, environment: str | None = None) -> None:
        self.profile = profile
        self._given_region = region
        self._environment = environment

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Client for stacks and their outputs."""
        return self._session.client("cloudformation", region_name=self._region, config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Client for Lambda functions."""
        return self._session.client("lambda", region_name=self._region, config=self._config)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Client for the logs of jobs and functions."""
        return self._session.client("logs", region_name=self._region, config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        """Client for the data bucket."""
        return self._session.client("s3", region_name=self._region, config=self._config)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """Client for pipelines, model packages and endpoints."""
        return self._session.client("sagemaker", region_name=self._region, config=self._config)

    @cached_property
    def runtime(self) -> "SageMakerRuntimeClient":
        """Client for inference requests, which retries throttled requests and SageMaker's own failures."""
        from botocore.config import Config

        # A model has a minute to answer; boto3 would give up at the same moment.
        config = Config(retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=70)
        return self._session.client("sagemaker-runtime", region_name=self._region, config=config)

    @cached_property
    def sts(self) -> "STSClient":
        """Client for looking up the identity of the credentials."""
        return self._session.client("sts", region_name=self._region, config=self._config)

    @property
    def account(self) -> str:
        """Account of the credentials."""
        return self._identity["Account"]

    @property
    def caller(self) -> str:
        """ARN of the user or role session of the credentials."""
        return self._identity["Arn"]

    @property
    def where(self) -> str:
        """Description of the cloud for messages."""
        if is_local():
            return f"the local cloud at {os.environ['AWS_ENDPOINT_URL']}"
        return f"this account in {self.cloudformation.meta.region_name}"

    @property
    def poll_seconds(self) -> float:
        """Polling interval in seconds; SageMaker throttles frequent describe calls."""
        return 0.5 if is_local() else 5.0

    @property
    def patience(self) -> float:
        """Factor for timeouts: operations take longer on AWS than in the local cloud."""
        return 1.0 if is_local() else 10.0

    @cached_property
    def _session(self) -> "Session":
        import boto3

        if self.profile:
            return boto3.Session(profile_name=self.profile)
        if boto3.DEFAULT_SESSION is None:
            boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        return boto3.DEFAULT_SESSION

    @cached_property
    def _region(self) -> str | None:
        # boto3 itself reads AWS_DEFAULT_REGION and the profile only.
        chosen = self._given_region or os.environ.get("AWS_REGION") or self._session.region_name
        return chosen or (environment_file.region(self._environment) if self._environment else None)

    @cached_property
    def _config(self) -> "Config":
        from botocore.config import Config

        return Config(retries={"mode": "standard"})

    @cached_property
    def _identity(self) -> "GetCallerIdentityResponseTypeDef":
        return self.sts.get_caller_identity()


def is_local() -> bool:
    """Return whether requests go to the local cloud, by ``--local`` or by the variables of ``local env``."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://localhost:")


def connect(environment: str | None = None, *, profile: str | None = None, region: str | None = None) -> Clients:
    """Return clients of AWS or, with ``--local``, of the local cloud.

    Args:
        environment: Name of the environment; the region in its file is the last resort.
        profile: Profile of the AWS configuration files; default: the credentials in the environment variables.
        region: Region; default: from the variables or the profile.

    Raises:
        OperatorError: The local cloud is not running.
    """
    if invocation.with_local_option():
        local_cloud.use(local_cloud.require())
    return Clients(profile, region, environment)
