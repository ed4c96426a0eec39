"""The stack of what must not be lost."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy

from constructs import Construct
from constructs.data_bucket import DataBucket
from stacks.config import EnvironmentConfig
from stacks.environment_stack import EnvironmentStack


class DataStack(EnvironmentStack):
    """The data bucket and its key.

    Attributes:
        data: the bucket.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, config: EnvironmentConfig) -> None:
        super().__init__(scope, id, name=name, description="corpora, bags of words and models", config=config)
        self.data = DataBucket(
            self,
            "Data",
            removal_policy=RemovalPolicy[config.data.removal.upper()],
            expire_runs_after=Duration.days(config.data.expire_runs_after_days),
            expire_old_versions_after=Duration.days(config.data.expire_old_versions_after_days),
            expire_access_logs_after=Duration.days(config.data.expire_access_logs_after_days),
            announce_uploads=config.triggers.on_upload,
        )
        CfnOutput(self, "DataBucketName", value=self.data.bucket.bucket_name, description="Corpora go under raw/")
        CfnOutput(self, "DataKeyArn", value=self.data.key.key_arn, description="Encrypts the bucket")
