"""Extension of moto: Application Auto Scaling."""

from localcloud.core.poller import Poller
from localcloud.core.service import Service
from localcloud.services.applicationautoscaling import models
from localcloud.services.applicationautoscaling.resources import ScalableTarget, ScalingPolicy
from localcloud.services.applicationautoscaling.schedules import ScheduledScaling

SERVICE = Service(
    name="applicationautoscaling",
    patches=(models.install,),
    resources=(
        ScalableTarget,
        ScalingPolicy,
    ),
    pollers=(Poller("scheduled scaling", 1.0, ScheduledScaling().run_due),),
)
