"""``DeploymentConfig``: shifting of an endpoint's traffic from its old fleet to the new one.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import ValidationError

_MOST_ALARMS = 10
_LONGEST_WAIT_SECONDS = 3600
_SHORTEST_EXECUTION_SECONDS = 600
_LONGEST_EXECUTION_SECONDS = 28_800
_LARGEST_STEP = 0.5
_SMALLEST_LINEAR_STEP = 0.1
# Types of traffic routing, each with the member that sets its step size.
_SIZES = {"ALL_AT_ONCE": None, "CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


@dataclass(frozen=True)
class StepSize:
    """``CapacitySize``: fraction of the new fleet that a step activates."""

    type: str
    value: int

    def share(self, counts: Sequence[int]) -> float:
        """Return the size as a share of the fleet, from 0 to 1.

        Args:
            counts: Number of instances of each variant; the smallest one counts.
        """
        return self.value / (100 if self.type == "CAPACITY_PERCENT" else min(counts))


@dataclass(frozen=True)
class UpdatePolicy:
    """Blue/green update policy.

    Attributes:
        routing: ``ALL_AT_ONCE``, ``CANARY`` or ``LINEAR``.
        size: Size of the canary or of each linear step.
        wait_seconds: Baking time of each step.
        termination_wait_seconds: Time until the old fleet is terminated after the last step.
        maximum_seconds: Time limit of the update.
        alarms: Names of the alarms that roll it back.
    """

    routing: str = "ALL_AT_ONCE"
    size: StepSize | None = None
    wait_seconds: int = 0
    termination_wait_seconds: int = 0
    maximum_seconds: int | None = None
    alarms: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> "UpdatePolicy":
        """Return the policy of a ``DeploymentConfig``; the default is all at once without waiting.

        Raises:
            ValidationError: A member is missing, out of range or not supported.
        """
        config = config or {}
        if "RollingUpdatePolicy" in config:
            raise ValidationError("RollingUpdatePolicy: the local cloud supports only BlueGreenUpdatePolicy.")
        alarms = tuple(
            alarm["AlarmName"] for alarm in (config.get("AutoRollbackConfiguration") or {}).get("Alarms", [])
        )
        if len(alarms) > _MOST_ALARMS:
            raise ValidationError(f"AutoRollbackConfiguration has {len(alarms)} alarms; allowed: {_MOST_ALARMS}.")
        policy = config.get("BlueGreenUpdatePolicy")
        if policy is None:
            return cls(alarms=alarms)
        traffic = policy.get("TrafficRoutingConfiguration") or {}
        routing = traffic.get("Type")
        if routing not in _SIZES:
            raise ValidationError(f"TrafficRoutingConfiguration.Type is {routing!r}; allowed: {', '.join(_SIZES)}.")
        maximum = policy.get("MaximumExecutionTimeoutInSeconds")
        wait = _seconds(traffic, "WaitIntervalInSeconds", 0, _LONGEST_WAIT_SECONDS)
        termination_wait = _seconds(policy, "TerminationWaitInSeconds", 0, _LONGEST_WAIT_SECONDS)
        if maximum is not None:
            lowest = max(_SHORTEST_EXECUTION_SECONDS, wait + termination_wait)
            maximum = _seconds(policy, "MaximumExecutionTimeoutInSeconds", lowest, _LONGEST_EXECUTION_SECONDS)
        return cls(routing, _size(routing, traffic), wait, termination_wait, maximum, alarms)

    def shares(self, counts: Sequence[int]) -> list[float]:
        """Return the new fleet's share of the traffic after each step; the last is 1.

        Args:
            counts: Number of instances of each variant of the new fleet; empty for a serverless one.

        Raises:
            ValidationError: The steps are too large or too small for the number of instances.
        """
        if self.size is None:
            return [1.0]
        if self.size.type == "INSTANCE_COUNT" and not counts:
            raise ValidationError("A serverless variant has no instances: set the size as CAPACITY_PERCENT.")
        step = self.size.share(counts)
        smallest = _SMALLEST_LINEAR_STEP if self.routing == "LINEAR" else 0.0
        if not smallest <= step <= _LARGEST_STEP:
            of_what = "" if self.size.type == "CAPACITY_PERCENT" else f" of {min(counts)} instances"
            allowed = "10% to 50%" if self.routing == "LINEAR" else "at most 50%"
            raise ValidationError(
                f"{_SIZES[self.routing]} is {self.size.value} {self.size.type}{of_what}, {step:.0%} of the variant's "
                f"capacity; allowed: {allowed}."
            )
        if self.routing == "CANARY":
            return [step, 1.0]
        shares = [step * number for number in range(1, int(1 / step) + 1)]
        return [share for share in shares if share < 1.0] + [1.0]


def _size(routing: str, traffic: Mapping[str, Any]) -> StepSize | None:
    wanted = _SIZES[routing]
    others = [name for name in _SIZES.values() if name and name != wanted and name in traffic]
    if others:
        raise ValidationError(f"{others[0]} is not allowed if TrafficRoutingConfiguration.Type is {routing}.")
    if wanted is None:
        return None
    size = traffic.get(wanted)
    if not size:
        raise ValidationError(f"{wanted} is required if TrafficRoutingConfiguration.Type is {routing}.")
    if size.get("Type") not in ("INSTANCE_COUNT", "CAPACITY_PERCENT"):
        raise ValidationError(f"{wanted}.Type is {size.get('Type')!r}; allowed: INSTANCE_COUNT, CAPACITY_PERCENT.")
    value = int(size.get("Value", 0))
    if value < 1:
        raise ValidationError(f"{wanted}.Value is {value}; allowed: 1 or more.")
    return StepSize(size["Type"], value)


def _seconds(source: Mapping[str, Any], name: str, lowest: int, highest: int) -> int:
    value = int(source.get(name) or 0)
    if not lowest <= value <= highest:
        raise ValidationError(f"{name} is {value}; allowed: {lowest} to {highest}.")
    return value
