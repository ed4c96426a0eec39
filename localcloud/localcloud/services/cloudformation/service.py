"""Extension of moto: AWS CloudFormation."""

from localcloud.core import resource_model
from localcloud.core.service import Service
from localcloud.services.cloudformation import custom_resource, models, responses

SERVICE = Service(
    name="cloudformation",
    patches=(
        models.install,
        responses.install,
        custom_resource.install,
        resource_model.install,
    ),
    resources=(custom_resource.CustomResource,),
)
