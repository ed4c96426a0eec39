"""Extension of moto: Amazon CloudWatch Logs."""

from localcloud.core.service import Service
from localcloud.services.logs.resources import LogGroup

SERVICE = Service(name="logs", resources=(LogGroup,))
