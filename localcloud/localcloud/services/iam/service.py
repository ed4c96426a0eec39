"""Extension of moto: AWS IAM."""

from localcloud.core.service import Service
from localcloud.services.iam import resources

SERVICE = Service(
    name="iam",
    resources=(
        resources.Role,
        resources.ManagedPolicy,
    ),
)
