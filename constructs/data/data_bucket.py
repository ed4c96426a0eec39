"""The bucket of an environment: corpora, bags of words, models and what they say."""

from typing import cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations, aws_iam, aws_kms, aws_s3

from constructs import Construct
from constructs.common.grants import grant

RAW = "raw"
"""Prefix of the corpora."""
BAGS_OF_WORDS = "bow"
"""Prefix of what preprocessing makes of a corpus, by what it is made of."""
CHECKPOINTS = "checkpoints"
"""Prefix of where interrupted training goes on, by execution."""
MODELS = "models"
"""Prefix of the trained models, by execution."""
SCORES = "scores"
"""Prefix of what a model says to the held-out documents, by execution."""
EVALUATIONS = "evaluation"
"""Prefix of how good the models are, by execution."""
VECTORS = "vectors"
"""Prefix of the topics of every document, by execution."""
CAPTURED = "captured"
"""Prefix of the endpoint's requests and answers, where it keeps them, by endpoint, variant and hour."""
PROMOTIONS = "promotions"
"""Prefix of what was promoted to the environment, by time: who did it, from where, and how good the model is."""

_EXPIRING = {
    "ExpireRuns": BAGS_OF_WORDS,
    "ExpireCheckpoints": CHECKPOINTS,
    "ExpireScores": SCORES,
    "ExpireCaptured": CAPTURED,
}


class DataBucket(Construct):
    """A private, versioned bucket encrypted with a key of its own, and the bucket of its access logs.

    Attributes:
        bucket: the data.
        key: the customer managed key of the data, for whatever else keeps it (volumes, artifacts).
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
        """Make the bucket.

        Args:
            scope: the parent.
            id: the id.
            removal_policy: what becomes of the data when it is no longer in the template.
            expire_runs_after: age of what a run needs only while it runs, and of what the endpoint captured.
            expire_old_versions_after: age of overwritten and deleted objects.
            expire_access_logs_after: age of the access logs.
            announce_uploads: whether EventBridge gets an event for each object.
        """
        super().__init__(scope, id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Encrypts the corpora, bags of words and models",
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
                # Models and evaluations stay: the registry and endpoints refer to them for as long as they live.
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
            # The L2 property does the same with a custom resource, whose role has managed policies.
            cast(
                "aws_s3.CfnBucket", self.bucket.node.default_child
            ).notification_configuration = aws_s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=aws_s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )

    def uri(self, prefix: str) -> str:
        """Return the S3 URI of a prefix, without a slash at the end."""
        return self.bucket.s3_url_for_object(prefix)

    def grant_get(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Let the grantee read the objects under a prefix of which it knows the keys, and decrypt them."""
        self._grant_objects(grantee, prefix, ["s3:GetObject"])
        self.key.grant(grantee, "kms:Decrypt")

    def grant_read(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Let the grantee find and read the objects under a prefix, and decrypt them."""
        self.grant_get(grantee, prefix)
        grant(
            grantee,
            actions=["s3:ListBucket"],
            resources=[self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}/*"}},
        )

    def grant_write(self, grantee: aws_iam.IGrantable, prefix: str) -> None:
        """Let the grantee write objects under a prefix, also in parts, and encrypt them."""
        self._grant_objects(grantee, prefix, ["s3:PutObject", "s3:AbortMultipartUpload"])
        # An upload in parts reads its own parts.
        self.key.grant(grantee, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")

    def _build_log_bucket(self, removal_policy: RemovalPolicy, expire_after: Duration) -> aws_s3.Bucket:
        """S3 delivers access logs only to a bucket without a KMS key of the customer's."""
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
