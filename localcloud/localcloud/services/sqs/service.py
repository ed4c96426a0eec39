"""Extension of moto: Amazon SQS."""

from localcloud.core.service import Service
from localcloud.services.sqs import models

SERVICE = Service(
    name="sqs",
    patches=(models.install,),
    resources=(
        models.LocalQueue,
        models.QueuePolicyResource,
    ),
)
