"""Extension of moto: Amazon S3."""

from localcloud.core.service import Service
from localcloud.services.s3.resources import Bucket, BucketPolicy

SERVICE = Service(
    name="s3",
    resources=(
        Bucket,
        BucketPolicy,
    ),
)
