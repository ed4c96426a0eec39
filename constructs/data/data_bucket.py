"""Data bucket of an environment: corpora, bags of words, models and results."""

from typing import cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations, aws_iam, aws_kms, aws_s3

from constructs import Construct
from constructs.common.grants import grant

RAW = "raw"
"""Prefix of corpora."""
BAGS_OF_WORDS = "bow"
"""Prefix of preprocessed corpora, by digest of corpus and settings."""
CHECKPOINTS = "checkpoints"
"""Prefix of training checkpoints, by execution."""
MODELS = "models"
"""Prefix of trained models, by execution."""
SCORES = "scores"
"""Prefix of predictions for the held-out documents, by execution."""
EVALUATIONS = "evaluation"
"""Prefix of evaluations and reports, by execution."""
VECTORS = "vectors"
"""Prefix of the topic weights of all documents, by execution."""
CAPTURED = "captured"
"""Prefix of requests and responses captured by the endpoint, by endpoint, variant and hour."""
PROMOTIONS = "promotions"
"""Prefix of promotion records (who, from where, model metrics), by time."""

_EXPIRING = {
    "ExpireRuns": BAGS_OF_WORDS,
    "ExpireCheckpoints": CHECKPOINTS,
    "ExpireScores": SCORES,
    "ExpireCaptured": CAPTURED,
}


class DataBucket(Construct):
    """Private, versioned bucket with its own KMS key, and a bucket for its access logs.

    Attributes:
        bucket: Data bucket.
        key: Customer managed key of the data, also for volumes and artifacts.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        removal_policy: RemovalPolicy,
        expire_runs_after: Duration,
        expire_old_versions_after: Duration,
        expire_access_logs_after: Duration,
        announce_uploads: bool,
    ) -> None:
        """Create the bucket.

        Args:
            scope: Parent construct.
            id: Construct ID.
            removal_policy: Removal policy of the bucket and the key.
            expire_runs_after: Expiration of intermediate data of runs and of captured requests.
            expire_old_versions_after: Expiration of overwritten and deleted objects.
            expire_access_logs_after: Expiration of the access logs.
            announce_uploads: Whether the bucket sends events to EventBridge.
        """
        super().__init__(scope, id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Key of the data bucket, job volumes and artifacts",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.bucket = aws_s3.Bucket(
            self,
            "Bucket",
            encryption=aws_s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=True,
            lifecycle_rules=[
                # Models and evaluations never expire, since the registry and endpoints refer to them.
                *(
                    aws_s3.LifecycleRule(id=id_, prefix=f"{prefix}/", expiration=expire_runs_after)
                    for id_, prefix in _EXPIRING.items()
                ),
                aws_s3.LifecycleRule(
                    id="ExpireOldVersions",
                    noncurrent_version_expiration=expire_old_versions_after,
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                ),
            ],
            server_access_logs_bucket=self._build_log_bucket(removal_policy, expire_access_logs_after),
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=removal_policy,
            auto_delete_objects=removal_policy is RemovalPolicy.DESTROY,
        )
        if announce_uploads:
            # The L2 property needs a custom resource, whose role has managed policies.
            cast(
                "aws_s3.CfnBucket", self.bucket.node.default_child
            ).notification_configuration = aws_s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=aws_s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )

    def uri(self, prefix: str) -> str:
        """Return the S3 URI of a prefix, without a trailing slash."""
        return self.bucket.s3_url_for_object(prefix)

    def grant_get(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Allow reading and decrypting objects under a prefix by key, without listing them."""
        self._grant_objects(grantee, prefix, ["s3:GetObject"])
        self.key.grant(grantee, "kms:Decrypt")

    def grant_read(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Allow listing, reading and decrypting objects under a prefix."""
        self.grant_get(grantee, prefix)
        grant(
            grantee,
            actions=["s3:ListBucket"],
            resources=[self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}/*"}},
        )

    def grant_write(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Allow writing and encrypting objects under a prefix, including multipart uploads."""
        self._grant_objects(grantee, prefix, ["s3:PutObject", "s3:AbortMultipartUpload"])
        # A multipart upload reads its own parts.
        self.key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_output(self, role: aws_iam.IGrantable, prefix: str) -> None:
        """Allow SageMaker to write a job's output under a prefix with the key that the request names.

        SageMaker requires ``kms:Encrypt`` for it, which S3 does not:
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html.
        """
        self.grant_write(role, prefix)
        self.key.grant(role, "kms:Encrypt")

    def grant_delete(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Allow deleting objects under a prefix; as the bucket is versioned, their versions remain."""
        self._grant_objects(grantee, prefix, ["s3:DeleteObject"])

    def _build_log_bucket(self, removal_policy: RemovalPolicy, expire_after: Duration) -> aws_s3.Bucket:
        # S3 delivers access logs only to buckets without a customer managed key.
        bucket = aws_s3.Bucket(
            self,
            "AccessLogs",
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[aws_s3.LifecycleRule(id="ExpireLogs", expiration=expire_after)],
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=removal_policy,
            auto_delete_objects=removal_policy is RemovalPolicy.DESTROY,
        )
        Validations.of(bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1", reason="The bucket of the access logs would log the delivery of its own logs."
            )
        )
        return bucket

    def _grant_objects(self, grantee: aws_iam.IGrantable, prefix: str, actions: list[str]) -> None:
        grant(
            grantee,
            actions=actions,
            resources=[self.bucket.arn_for_objects(f"{prefix}/*")],
            wildcard=f"The keys under {prefix}/ are not known before a corpus is uploaded or a run makes them.",
        )
