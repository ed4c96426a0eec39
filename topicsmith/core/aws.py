"""The AWS clients of one command, made when first used: loading boto3 takes longer than printing help."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from topicsmith.core import invocation, local_cloud

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef


class Clients:
    """Clients with the credentials, region and endpoint that the environment variables give.

    Args:
        profile: of AWS's configuration files, in place of the variables' credentials.
        region: in place of the variables' or the profile's.
    """

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self.profile = profile
        self._region = region

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Stacks and their outputs."""
        return self._session.client("cloudformation", region_name=self._region, config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda functions."""
        return self._session.client("lambda", region_name=self._region, config=self._config)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Logs of jobs and functions."""
        return self._session.client("logs", region_name=self._region, config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        """The data bucket."""
        return self._session.client("s3", region_name=self._region, config=self._config)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """Pipelines, model packages and endpoints."""
        return self._session.client("sagemaker", region_name=self._region, config=self._config)

    @cached_property
    def runtime(self) -> "SageMakerRuntimeClient":
        """Requests to an endpoint; throttled ones and those that SageMaker failed at are tried again."""
        from botocore.config import Config

        # A model has a minute for its answer; boto3 would give up at the same moment.
        config = Config(retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=70)
        return self._session.client("sagemaker-runtime", region_name=self._region, config=config)

    @property
    def account(self) -> str:
        """The account of the credentials."""
        return self._identity["Account"]

    @property
    def caller(self) -> str:
        """The ARN of the user, or of the session of a role, that the credentials are of."""
        return self._identity["Arn"]

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
    def _session(self) -> "Session":
        import boto3

        if self.profile:
            return boto3.Session(profile_name=self.profile)
        if boto3.DEFAULT_SESSION is None:
            boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        return boto3.DEFAULT_SESSION

    @cached_property
    def _config(self) -> "Config":
        from botocore.config import Config

        return Config(retries={"mode": "standard"})

    @cached_property
    def _identity(self) -> "GetCallerIdentityResponseTypeDef":
        return self._session.client("sts", region_name=self._region, config=self._config).get_caller_identity()


def is_local() -> bool:
    """Tell whether AWS's API is answered on this machine: by --local, or by the variables of ``local env``."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://localhost:")


def connect(profile: str | None = None, region: str | None = None) -> Clients:
    """Return clients of the cloud that the operator chose: AWS, or with --local the local cloud.

    Args:
        profile: of AWS's configuration files; without it, the credentials of the environment variables.
        region: without it, that of the variables or the profile.

    Raises:
        OperatorError: the local cloud is not running.
    """
    if invocation.with_local_option():
        local_cloud.use(local_cloud.require())
    return Clients(profile, region)
