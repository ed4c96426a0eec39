"""Extension of moto: AWS KMS."""

from localcloud.core.service import Service
from localcloud.services.kms.resources import Key

SERVICE = Service(name="kms", resources=(Key,))
