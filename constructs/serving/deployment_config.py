"""Blue/green deployment configuration of an endpoint.

SageMaker starts a new fleet next to the old one, shifts traffic to it and terminates the old one. If an alarm goes off
in the meantime, traffic returns to the old fleet and the update fails. See
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
    """Part of a fleet.

    Attributes:
        kind: Unit of the value.
        value: Number of instances, or percentage of the fleet.
    """

    kind: Literal["INSTANCE_COUNT", "CAPACITY_PERCENT"]
    value: int

    def to_property(self) -> _Endpoint.CapacitySizeProperty:
        """Return the property of a deployment configuration."""
        return _Endpoint.CapacitySizeProperty(type=self.kind, value=self.value)


@dataclass(frozen=True, kw_only=True)
class BlueGreenUpdate:
    """Traffic shifting policy of an update.

    Attributes:
        routing: All at once, canary, or linear.
        step: Size of the canary or of each linear step; None for all at once.
        wait: Baking period after the canary or between steps, during which alarms are monitored.
        termination_wait: Time to keep the old fleet after all traffic was shifted.
        max_execution: Time limit of an update.
    """

    routing: Routing
    step: FleetShare | None
    wait: Duration
    termination_wait: Duration
    max_execution: Duration

    def to_property(self, rollback_alarms: Sequence[str]) -> _Endpoint.DeploymentConfigProperty:
        """Return the deployment configuration of an endpoint.

        Args:
            rollback_alarms: Names of the CloudWatch alarms that roll back an update.
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
