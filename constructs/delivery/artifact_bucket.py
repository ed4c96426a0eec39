"""Artifact bucket of the delivery pipeline."""

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations, aws_kms, aws_s3

from constructs import Construct

_EXPIRE_AFTER = Duration.days(30)


class ArtifactBucket(Construct):
    """Private bucket with its own KMS key and short-lived objects.

    Attributes:
        bucket: Artifact bucket.
        key: Key of the bucket, also for other resources of the delivery pipeline.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Key of the delivery pipeline's artifacts",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.bucket = aws_s3.Bucket(
            self,
            "Bucket",
            encryption=aws_s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    id="Expire",
                    expiration=_EXPIRE_AFTER,
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            # CloudFormation cannot delete a bucket that contains objects; they expire within a month.
            removal_policy=RemovalPolicy.RETAIN,
        )
        Validations.of(self.bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="It holds copies of commits for some days; the pipeline's history says which step read which.",
            )
        )
