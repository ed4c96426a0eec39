"""Extension of moto: Amazon SNS."""

from localcloud.core.service import Service
from localcloud.services.sns import models

SERVICE = Service(
    name="sns",
    patches=(models.install,),
    resources=(
        models.TopicResource,
        models.SubscriptionResource,
        models.TopicPolicyResource,
    ),
)
