"""Stack of the stateful resources."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy

from constructs import Construct
from constructs.data.data_bucket import DataBucket
from constructs.data.image_repository import ImageRepository
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import PromotionPath
from stacks.environment_stack import EnvironmentStack
from stacks.promotion import share_artifacts, share_images


class DataStack(EnvironmentStack):
    """Data bucket, its KMS key and the image repository.

    Attributes:
        data: Data bucket.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, config: EnvironmentConfig, promotions: PromotionPath
    ) -> None:
        super().__init__(scope, id, name=name, description="corpora, bags of words, models and images", config=config)
        removal_policy = RemovalPolicy[config.data.removal.upper()]
        self.data = DataBucket(
            self,
            "Data",
            removal_policy=removal_policy,
            expire_runs_after=Duration.days(config.data.expire_runs_after_days),
            expire_old_versions_after=Duration.days(config.data.expire_old_versions_after_days),
            expire_access_logs_after=Duration.days(config.data.expire_access_logs_after_days),
            announce_uploads=config.triggers.on_upload,
        )
        share_artifacts(self.data, name=name, config=config, promotions=promotions)
        images = ImageRepository(
            self,
            "Images",
            name=name,
            # Promoted models keep their image, which an endpoint needs whenever an instance starts.
            removal_policy=RemovalPolicy.RETAIN if promotions.image_readers else removal_policy,
        )
        share_images(images, config=config, promotions=promotions)

        CfnOutput(
            self, "DataBucketName", value=self.data.bucket.bucket_name, description="Data bucket; corpora go under raw/"
        )
        CfnOutput(self, "DataKeyArn", value=self.data.key.key_arn, description="KMS key of the data bucket")
