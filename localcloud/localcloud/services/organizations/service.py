"""AWS Organizations, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.organizations import models

SERVICE = Service(name="organizations", patches=(models.install,))
