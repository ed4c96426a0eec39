"""Amazon ECR, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.ecr import responses

SERVICE = Service(name="ecr", patches=(responses.install,), resources=(responses.RepositoryResource,))
