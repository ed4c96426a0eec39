"""Extension of moto: Amazon CloudWatch."""

from localcloud.core.poller import Poller
from localcloud.core.service import Service
from localcloud.core.settings import minute_seconds
from localcloud.services.cloudwatch import models, service_metrics
from localcloud.services.cloudwatch.resources import AlarmResource

# A message that arrives and leaves between two looks at its queue is not counted.
_QUEUE_LOOKS_A_MINUTE = 6

SERVICE = Service(
    name="cloudwatch",
    patches=(models.install,),
    resources=(AlarmResource,),
    pollers=(
        Poller(
            "queue metrics",
            lambda: minute_seconds() / _QUEUE_LOOKS_A_MINUTE,
            lambda _now: service_metrics.look_at_queues(),
        ),
    ),
)
