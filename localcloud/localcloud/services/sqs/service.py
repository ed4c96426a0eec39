"""Extension of moto: Amazon SQS."""

from localcloud.core.service import Service
from localcloud.services.sqs import models, move_tasks

SERVICE = Service(
    name="sqs",
    patches=(models.install, move_tasks.install),
    resources=(
        models.LocalQueue,
        models.QueuePolicyResource,
    ),
)
