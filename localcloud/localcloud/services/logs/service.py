"""Amazon CloudWatch Logs, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.logs.resources import LogGroup

SERVICE = Service(name="logs", resources=(LogGroup,))
