"""How an endpoint goes over to another model.

SageMaker starts a new fleet beside the old one, shifts requests to it and ends the old one; where an alarm goes off in
between, the requests go back to the old fleet and the update fails. See
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Duration, aws_sagemaker

Routing = Literal["ALL_AT_ONCE", "CANARY", "LINEAR"]

_Endpoint = aws_sagemaker.CfnEndpoint


@dataclass(frozen=True, kw_only=True)
class FleetShare:
    """A part of a fleet.

    Attributes:
        kind: what the value counts.
        value: instances, or percents of the fleet.
    """

    kind: Literal["INSTANCE_COUNT", "CAPACITY_PERCENT"]
    value: int

    def to_property(self) -> _Endpoint.CapacitySizeProperty:
        """Return the share as a deployment configuration writes it."""
        return _Endpoint.CapacitySizeProperty(type=self.kind, value=self.value)


@dataclass(frozen=True, kw_only=True)
class BlueGreenUpdate:
    """The steps in which requests are shifted to the new fleet.

    Attributes:
        routing: all at once; a canary first and then the rest; or steps of one size.
        step: the size of the canary or of each step; none where all are shifted at once.
        wait: the time between steps, in which alarms are watched.
        termination_wait: the time for which the old fleet is kept once the new one has all requests.
        max_execution: the time after which an update has failed.
    """

    routing: Routing
    step: FleetShare | None
    wait: Duration
    termination_wait: Duration
    max_execution: Duration

    def to_property(self, rollback_alarms: Sequence[str]) -> _Endpoint.DeploymentConfigProperty:
        """Return the update as an endpoint writes it.

        Args:
            rollback_alarms: names of the CloudWatch alarms that roll it back.
        """
        size = self.step.to_property() if self.step else None
        return _Endpoint.DeploymentConfigProperty(
            blue_green_update_policy=_Endpoint.BlueGreenUpdatePolicyProperty(
                traffic_routing_configuration=_Endpoint.TrafficRoutingConfigProperty(
                    type=self.routing,
                    wait_interval_in_seconds=self.wait.to_seconds(),
                    canary_size=size if self.routing == "CANARY" else None,
                    linear_step_size=size if self.routing == "LINEAR" else None,
                ),
                termination_wait_in_seconds=self.termination_wait.to_seconds(),
                maximum_execution_timeout_in_seconds=self.max_execution.to_seconds(),
            ),
            auto_rollback_configuration=_Endpoint.AutoRollbackConfigProperty(
                alarms=[_Endpoint.AlarmProperty(alarm_name=name) for name in rollback_alarms]
            )
            if rollback_alarms
            else None,
        )
