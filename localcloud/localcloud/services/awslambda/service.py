"""Extension of moto: AWS Lambda."""

from localcloud.core.service import Service
from localcloud.services.awslambda import event_source_mappings, models
from localcloud.services.awslambda.resources import PermissionResource

SERVICE = Service(
    name="awslambda",
    patches=(
        models.install,
        event_source_mappings.install,
    ),
    resources=(PermissionResource,),
)
