"""AWS IAM, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.iam import resources

SERVICE = Service(
    name="iam",
    resources=(
        resources.Role,
        resources.ManagedPolicy,
    ),
)
