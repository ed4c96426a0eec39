"""Application Auto Scaling of endpoints: moto only stores targets, policies and scheduled actions."""

import json
from typing import Any

import moto.applicationautoscaling.models as moto_autoscaling
from moto.applicationautoscaling import urls
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import sagemaker_backends

from localcloud.services.applicationautoscaling import schedules
from localcloud.services.applicationautoscaling.activities import Activity
from localcloud.services.applicationautoscaling.policies import (
    DESIRED_INSTANCES,
    SAGEMAKER,
    LocalScalingPolicy,
    variant_of,
)
from localcloud.services.applicationautoscaling.schedules import LocalScheduledAction
from localcloud.services.applicationautoscaling.targets import LocalScalableTarget, service_linked_role

_LARGEST_PAGE = 50


class ObjectNotFoundError(JsonRESTError):
    """The scalable target is not registered."""

    def __init__(self, namespace: str, resource_id: str, dimension: str):
        super().__init__(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {namespace}, resource ID: {resource_id}, scalable "
            f"dimension: {dimension}",
        )


class LocalApplicationAutoScaling(ApplicationAutoscalingBackend):
    """moto's Application Auto Scaling, extended to scale the variants of endpoints."""

    @property
    def _url_module(self) -> Any:
        return urls

    def register_scalable_target(
        self,
        namespace: str,
        r_id: str,
        dimension: str,
        min_capacity: int | None,
        max_capacity: int | None,
        role_arn: str,
        suspended_state: Any,
    ) -> LocalScalableTarget:
        """Register a variant or change its limits; its capacity is brought within them immediately.

        Raises:
            AWSValidationException: The dimension is not a variant's number of instances, the variant does not exist, or
                the limits are invalid.
        """
        if (namespace, dimension) != (SAGEMAKER, DESIRED_INSTANCES):
            raise AWSValidationException(
                f"The local cloud scales {DESIRED_INSTANCES} of {SAGEMAKER}, not {dimension} of {namespace}."
            )
        known = self.targets.get(dimension, {}).get(r_id)
        least = known.min_capacity if known and min_capacity is None else min_capacity
        greatest = known.max_capacity if known and max_capacity is None else max_capacity
        if least is None or greatest is None or not 0 <= least <= greatest:
            raise AWSValidationException(
                f"MinCapacity is {least} and MaxCapacity is {greatest}; allowed: 0 or more, the first not above the "
                "second."
            )
        self._require_variant(r_id)
        service_linked_role(self.account_id)
        target = super().register_scalable_target(
            namespace, r_id, dimension, least, greatest, role_arn, suspended_state
        )
        assert isinstance(target, LocalScalableTarget)
        target.role_arn = role_arn or service_linked_role(self.account_id)
        target.hold_limits("")
        return target

    def deregister_scalable_target(self, namespace: str, r_id: str, dimension: str) -> None:
        """Deregister a target with its policies and scheduled actions.

        Raises:
            AWSValidationException: The target is not registered.
        """
        super().deregister_scalable_target(namespace, r_id, dimension)
        for policy in list(self.policies.values()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        for action in list(self.scheduled_actions):
            if (action.resource_id, action.scalable_dimension) == (r_id, dimension):
                self.delete_scheduled_action(namespace, action.scheduled_action_name, r_id, dimension)

    def put_scaling_policy(
        self,
        policy_name: str,
        service_namespace: str,
        resource_id: str,
        scalable_dimension: str,
        policy_body: dict[str, Any],
        policy_type: str | None,
    ) -> LocalScalingPolicy:
        """Create or update a policy with its alarms.

        Raises:
            ObjectNotFoundError: The target is not registered.
            AWSValidationException: The policy is invalid or not supported by the local cloud.
        """
        self.target(service_namespace, resource_id, scalable_dimension)
        key = LocalScalingPolicy.formulate_key(service_namespace, resource_id, scalable_dimension, policy_name)
        before = self.policies.get(key)
        policy = super().put_scaling_policy(
            policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type
        )
        assert isinstance(policy, LocalScalingPolicy)
        try:
            policy.check()
        except AWSValidationException:
            if before:
                self.policies[key] = before
            else:
                del self.policies[key]
            raise
        if before:
            policy.policy_arn = before.policy_arn
            before.delete_alarms(self.account_id, self.region_name)
        policy.make_alarms()
        return policy

    def put_scheduled_action(self, *args: Any, **request: Any) -> None:
        """Create or update a scheduled action.

        Raises:
            ObjectNotFoundError: The target is not registered.
            AWSValidationException: The schedule or the limits are invalid.
        """
        self.target(request["service_namespace"], request["resource_id"], request["scalable_dimension"])
        schedules.check(request)
        super().put_scheduled_action(*args, **request)

    def target(self, namespace: str, resource_id: str, dimension: str) -> LocalScalableTarget:
        """Return a registered target.

        Raises:
            ObjectNotFoundError: The target is not registered.
        """
        target = self.targets.get(dimension, {}).get(resource_id)
        if not isinstance(target, LocalScalableTarget):
            raise ObjectNotFoundError(namespace, resource_id, dimension)
        return target

    def scaling_activities(self, resource_id: str | None, dimension: str | None, *, not_scaled: bool) -> list[Activity]:
        """Return the activities of targets, latest first, on request with those that changed nothing."""
        found = [
            activity
            for targets in self.targets.values()
            for target in targets.values()
            if isinstance(target, LocalScalableTarget)
            for activity in list(target.activities)
            if resource_id in (None, activity.resource_id) and dimension in (None, activity.dimension)
            if not_scaled or not activity.not_scaled
        ]
        return sorted(found, key=lambda activity: activity.start, reverse=True)

    def _require_variant(self, resource_id: str) -> None:
        endpoint, variant = variant_of(resource_id)
        record = sagemaker_backends[self.account_id][self.region_name].endpoints.get(endpoint)
        variants = record.response_object.get("ProductionVariants") or [] if record else []
        if variant not in [found["VariantName"] for found in variants]:
            raise AWSValidationException(f"No variant {variant} of an endpoint {endpoint} found: {resource_id}")


def _describe_scaling_activities(self: ApplicationAutoScalingResponse) -> str:
    """Handle DescribeScalingActivities."""
    backend = self.applicationautoscaling_backend
    assert isinstance(backend, LocalApplicationAutoScaling)
    activities = backend.scaling_activities(
        self._get_param("ResourceId"),
        self._get_param("ScalableDimension"),
        not_scaled=bool(self._get_param("IncludeNotScaledActivities")),
    )
    start = int(self._get_param("NextToken") or 0)
    end = start + int(self._get_param("MaxResults") or _LARGEST_PAGE)
    answer: dict[str, Any] = {"ScalingActivities": [activity.describe() for activity in activities[start:end]]}
    if end < len(activities):
        answer["NextToken"] = str(end)
    return json.dumps(answer)


def install() -> None:
    """Replace moto's backend of Application Auto Scaling."""
    applicationautoscaling_backends.backend = LocalApplicationAutoScaling
    moto_autoscaling.FakeScalableTarget = LocalScalableTarget  # type: ignore[misc]
    moto_autoscaling.FakeApplicationAutoscalingPolicy = LocalScalingPolicy  # type: ignore[misc]
    moto_autoscaling.FakeScheduledAction = LocalScheduledAction  # type: ignore[misc]
    ApplicationAutoScalingResponse.describe_scaling_activities = (  # type: ignore[attr-defined]
        _describe_scaling_activities
    )
