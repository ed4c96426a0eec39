"""Extension of moto: Amazon SageMaker."""

from localcloud.core.service import Service
from localcloud.services.sagemaker import resources, responses
from localcloud.services.sagemaker.hosting import runtime_api

SERVICE = Service(
    name="sagemaker",
    patches=(
        responses.install,
        runtime_api.install,
    ),
    resources=(
        resources.PipelineResource,
        resources.ModelPackageGroupResource,
        resources.ModelResource,
        resources.EndpointConfigResource,
        resources.EndpointResource,
    ),
)
