"""Extension of moto: AWS Organizations."""

from localcloud.core.service import Service
from localcloud.services.organizations import models

SERVICE = Service(name="organizations", patches=(models.install,))
