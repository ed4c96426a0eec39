"""Target tracking: a policy's alarms, and the capacity that a metric calls for.

See https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html.
"""

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy
from moto.cloudwatch.models import cloudwatch_backends

from localcloud.services.cloudwatch.alarm import LocalAlarm, metric_queries

SAGEMAKER = "sagemaker"
DESIRED_INSTANCES = "sagemaker:variant:DesiredInstanceCount"
DEFAULT_COOLDOWN_SECONDS = 300
"""Default for a SageMaker variant: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html."""

# The alarms that Application Auto Scaling creates for a policy: scale out after three minutes above the target, scale
# in after 15 minutes below 90 % of it.
_PERIOD_SECONDS = 60
_HIGH_PERIODS = 3
_LOW_PERIODS = 15
_LOW_SHARE = 0.9

_SPECIFICATIONS = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
_PREDEFINED = {"SageMakerVariantInvocationsPerInstance": ("AWS/SageMaker", "InvocationsPerInstance", "Sum")}


def variant_of(resource_id: str) -> tuple[str, str]:
    """Return the endpoint's and the variant's name from ``endpoint/<name>/variant/<name>``.

    Raises:
        AWSValidationException: The id does not have this form.
    """
    match resource_id.split("/"):
        case ["endpoint", endpoint, "variant", variant]:
            return endpoint, variant
    raise AWSValidationException(
        f"The resource id {resource_id!r} is not that of a variant; allowed: endpoint/<endpoint>/variant/<variant>."
    )


class LocalScalingPolicy(FakeApplicationAutoscalingPolicy):
    """A target-tracking policy.

    Attributes:
        high: The alarm that calls for more capacity.
        low: The alarm that calls for less capacity.
    """

    high: LocalAlarm | None = None
    low: LocalAlarm | None = None

    @property
    def tracking(self) -> Mapping[str, Any]:
        """``TargetTrackingScalingPolicyConfiguration`` of the policy."""
        tracking: Mapping[str, Any] = self.target_tracking_scaling_policy_configuration or {}
        return tracking

    @property
    def target(self) -> float:
        """Target value of the metric."""
        return float(self.tracking["TargetValue"])

    @property
    def scales_in(self) -> bool:
        """True if the policy removes capacity."""
        return not self.tracking.get("DisableScaleIn", False)

    @property
    def scale_in_cooldown(self) -> float:
        """Pause after removing capacity, in AWS seconds."""
        return float(self.tracking.get("ScaleInCooldown", DEFAULT_COOLDOWN_SECONDS))

    @property
    def scale_out_cooldown(self) -> float:
        """Pause after adding capacity, in AWS seconds."""
        return float(self.tracking.get("ScaleOutCooldown", DEFAULT_COOLDOWN_SECONDS))

    def create_alarms(self) -> None:
        """Do nothing: moto calls this before the policy has its final ARN."""

    def check(self) -> None:
        """Validate the policy.

        Raises:
            AWSValidationException: The policy is invalid or not supported by the local cloud.
        """
        if self.policy_type != "TargetTrackingScaling":
            raise AWSValidationException(
                f"The local cloud scales by TargetTrackingScaling policies; {self.policy_name} is a {self.policy_type}."
            )
        given = [name for name in _SPECIFICATIONS if self.tracking.get(name)]
        if len(given) != 1:
            raise AWSValidationException(
                f"{self.policy_name} has {len(given)} of {' and '.join(_SPECIFICATIONS)}; exactly one is allowed."
            )
        if self.target <= 0:
            raise AWSValidationException(f"TargetValue is {self.target}; it must be above 0.")
        self._watched()

    def make_alarms(self) -> None:
        """Create the two alarms on the metric."""
        self.high = self._alarm("High", "GreaterThanThreshold", self.target, _HIGH_PERIODS)
        self.low = self._alarm("Low", "LessThanThreshold", self.target * _LOW_SHARE, _LOW_PERIODS)
        self.alarms = [self.high, self.low]

    def wanted(self, capacity: int, values: Sequence[float]) -> int:
        """Return the capacity that brings the highest of the values down to the target.

        Args:
            capacity: The capacity at which the values were measured.
            values: Values of the metric, which is inversely proportional to the capacity.
        """
        return math.ceil(capacity * max(values) / self.target - 1e-9)

    def _alarm(self, kind: str, comparison: str, threshold: float, periods: int) -> LocalAlarm:
        alarm = cloudwatch_backends[self.account_id][self.region_name].put_metric_alarm(
            name=f"TargetTracking-{self.resource_id}-Alarm{kind}-{uuid.uuid4()}",
            description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {self.policy_arn}.",
            comparison_operator=comparison,
            threshold=threshold,
            evaluation_periods=periods,
            alarm_actions=[self.policy_arn],
            **self._watched(),
        )
        assert isinstance(alarm, LocalAlarm)
        return alarm

    def _watched(self) -> dict[str, Any]:
        """Return the parameters of PutMetricAlarm that identify the metric."""
        watched: dict[str, Any] = dict.fromkeys(("namespace", "metric_name", "period", "statistic")) | {
            "dimensions": []
        }
        customized = self.tracking.get("CustomizedMetricSpecification")
        if not customized:
            return watched | self._predefined(self.tracking["PredefinedMetricSpecification"]["PredefinedMetricType"])
        if queries := customized.get("Metrics"):
            return watched | {"metric_data_queries": metric_queries(queries, _PERIOD_SECONDS)}
        return watched | {
            "namespace": customized["Namespace"],
            "metric_name": customized["MetricName"],
            "statistic": customized["Statistic"],
            "dimensions": customized.get("Dimensions", []),
            "unit": customized.get("Unit"),
            "period": _PERIOD_SECONDS,
        }

    def _predefined(self, metric_type: str) -> dict[str, Any]:
        if metric_type not in _PREDEFINED:
            raise AWSValidationException(
                f"PredefinedMetricType is {metric_type!r}; the local cloud has {', '.join(_PREDEFINED)}."
            )
        namespace, name, statistic = _PREDEFINED[metric_type]
        endpoint, variant = variant_of(self.resource_id)
        return {
            "namespace": namespace,
            "metric_name": name,
            "statistic": statistic,
            "dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
            "period": _PERIOD_SECONDS,
        }
