"""Extension of moto: Amazon ECR."""

from localcloud.core.service import Service
from localcloud.services.ecr import responses

SERVICE = Service(name="ecr", patches=(responses.install,), resources=(responses.RepositoryResource,))
