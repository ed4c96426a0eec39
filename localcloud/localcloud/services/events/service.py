"""Extension of moto: Amazon EventBridge."""

import time

from localcloud.core.poller import Poller
from localcloud.core.service import Service
from localcloud.services.events import rules
from localcloud.services.events.scheduler import Schedules

_MINUTE = 60

SERVICE = Service(
    name="events",
    patches=(rules.install,),
    pollers=(Poller("scheduled rules", lambda: _MINUTE - time.time() % _MINUTE, Schedules().look),),
)
