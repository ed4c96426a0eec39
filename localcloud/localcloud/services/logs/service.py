"""Extension of moto: Amazon CloudWatch Logs."""

from localcloud.core.service import Service
from localcloud.services.logs import query_definitions
from localcloud.services.logs.resources import LogGroup

SERVICE = Service(
    name="logs",
    patches=(query_definitions.install,),
    resources=(LogGroup, query_definitions.QueryDefinition),
)
