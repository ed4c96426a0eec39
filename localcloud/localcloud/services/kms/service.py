"""AWS KMS, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.kms.resources import Key

SERVICE = Service(name="kms", resources=(Key,))
