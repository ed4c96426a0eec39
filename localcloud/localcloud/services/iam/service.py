"""Extension of moto: AWS IAM."""

from localcloud.core.service import Service
from localcloud.services.iam import boundaries, resources

SERVICE = Service(
    name="iam",
    patches=(boundaries.install,),
    resources=(
        resources.Role,
        resources.ManagedPolicy,
    ),
)
