"""Where the steps of a delivery pipeline hand things on."""

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations, aws_kms, aws_s3

from constructs import Construct

_EXPIRE_AFTER = Duration.days(30)


class ArtifactBucket(Construct):
    """A private bucket, encrypted with a key of its own, that forgets.

    Attributes:
        bucket: the bucket.
        key: the key, for whatever else the pipeline keeps.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Encrypts the sources and assemblies of the delivery pipeline",
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
            # CloudFormation cannot delete a bucket with objects in it; in a month it has none.
            removal_policy=RemovalPolicy.RETAIN,
        )
        Validations.of(self.bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="It holds copies of commits for some days; the pipeline's history says which step read which.",
            )
        )
