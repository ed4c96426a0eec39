"""Dynamic scaling: a policy's reaction to its alarms.

See https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends

from localcloud.core.role_sessions import AccessDenied
from localcloud.services.applicationautoscaling.policies import LocalScalingPolicy
from localcloud.services.applicationautoscaling.targets import LocalScalableTarget, UnfulfilledError
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_evaluation import evaluate_alarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.models import LocalCloudWatch

logger = logging.getLogger(__name__)


def is_scaling_policy(arn: str) -> bool:
    """Return True if an alarm action is a scaling policy."""
    return ":autoscaling:" in arn and ":scalingPolicy:" in arn


def scale(policy_arn: str, alarm: LocalAlarm) -> None:
    """Run a policy in the background for its alarm; does nothing while its target is already being scaled."""
    _, _, _, region, account, _ = policy_arn.split(":", 5)
    backend = applicationautoscaling_backends[account][region]
    policy = next((policy for policy in backend.policies.values() if policy.policy_arn == policy_arn), None)
    if not isinstance(policy, LocalScalingPolicy):
        logger.warning("Alarm %s triggers %s, which does not exist", alarm.name, policy_arn)
        return
    target = backend.targets[policy.scalable_dimension][policy.resource_id]
    assert isinstance(target, LocalScalableTarget)
    work = _Scaling(backend, target, policy, alarm)
    threading.Thread(target=work.run, name=f"scaling {policy.resource_id}", daemon=True).start()


class _Scaling:
    """One reaction of a policy to one of its alarms."""

    def __init__(
        self,
        backend: ApplicationAutoscalingBackend,
        target: LocalScalableTarget,
        policy: LocalScalingPolicy,
        alarm: LocalAlarm,
    ):
        self._backend = backend
        self._target = target
        self._policy = policy
        self._cause = f"monitor alarm {alarm.name} in state {alarm.state_value} triggered policy {policy.policy_name}"
        self._is_out = alarm is policy.high

    def run(self) -> None:
        """Scale out or in, unless another scaling is in progress."""
        if not self._target.lock.acquire(blocking=False):
            return
        try:
            if self._is_out:
                self._scale_out()
            else:
                self._scale_in()
        except (AccessDenied, BotoCoreError, ClientError, UnfulfilledError) as error:
            logger.warning("%s could not be scaled: %s", self._policy.resource_id, error)
        except Exception:
            logger.exception("%s could not be scaled", self._policy.resource_id)
        finally:
            self._target.lock.release()

    def _scale_out(self) -> None:
        target, policy = self._target, self._policy
        values = _values(policy.high)[-1:]
        if target.is_suspended("DynamicScalingOut") or not values:
            return
        capacity = target.capacity()
        base = target.scales_out_from or capacity
        wanted = policy.wanted(base, values)
        if wanted <= capacity:
            return  # Wait for the latest increase to take effect.
        allowed = min(wanted, target.limits[1])
        if allowed <= capacity:
            target.leave("AlreadyAtMaxCapacity", self._cause, capacity)
            return
        if target.change(allowed, self._cause, _details([policy], base, values)).status == "Successful":
            target.cool_down_out(base, policy.scale_out_cooldown)

    def _scale_in(self) -> None:
        target = self._target
        policies = [policy for policy in self._policies() if policy.scales_in]
        ready = [policy for policy in policies if policy.low and policy.low.state_value == State.ALARM]
        if not self._policy.scales_in or target.is_suspended("DynamicScalingIn"):
            return
        if len(ready) < len(policies) or not target.may_scale_in:
            return
        capacity = target.capacity()
        values = [(policy, _values(policy.low)) for policy in ready]
        if not all(found for _, found in values):
            return
        # The capacity that satisfies every policy; otherwise one of them would scale out again.
        wanted = max(policy.wanted(capacity, found) for policy, found in values)
        allowed = max(wanted, target.limits[0])
        if allowed >= capacity:
            if wanted < capacity:
                target.leave("AlreadyAtMinCapacity", self._cause, capacity)
            return
        details = _details(ready, capacity, [max(found) for _, found in values])
        if target.change(allowed, self._cause, details).status == "Successful":
            target.cool_down_in(self._policy.scale_in_cooldown)

    def _policies(self) -> list[LocalScalingPolicy]:
        """Return all policies of the target."""
        return [
            policy
            for policy in self._backend.policies.values()
            if isinstance(policy, LocalScalingPolicy)
            and policy.resource_id == self._target.resource_id
            and policy.scalable_dimension == self._target.scalable_dimension
        ]


def _values(alarm: LocalAlarm | None) -> list[float]:
    """Return the values of the alarm's evaluated periods, oldest first."""
    if alarm is None:
        return []
    _, _, _, region, account, _ = alarm.alarm_arn.split(":", 5)
    backend = cloudwatch_backends[account][region]
    assert isinstance(backend, LocalCloudWatch)
    return evaluate_alarm(alarm, backend, datetime.now(UTC)).present[-int(alarm.evaluation_periods) :]


def _details(policies: Sequence[LocalScalingPolicy], capacity: int, values: Sequence[float]) -> str:
    """Describe the numbers behind the new capacity."""
    return "; ".join(
        f"{policy.policy_name}: the metric is {value:g} with {capacity} instances, its target {policy.target:g}"
        for policy, value in zip(policies, values, strict=True)
    )
