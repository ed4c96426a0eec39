"""Instances of an endpoint's variant as a scalable target.

Application Auto Scaling acts as its service-linked role. See
https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html.
"""

import json
import logging
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.applicationautoscaling.models import FakeScalableTarget
from moto.iam.models import iam_backends

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import AccessDenied, RoleSession, assume_role
from localcloud.core.settings import real_seconds
from localcloud.services.applicationautoscaling.activities import Activity
from localcloud.services.applicationautoscaling.policies import variant_of

logger = logging.getLogger(__name__)

_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
_ROLE_NAME = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_ROLE_PATH = f"/aws-service-role/{_SERVICE}/"
_ROLE_POLICY = "arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingSageMakerEndpointPolicy"
_MOST_ACTIVITIES = 1000
_POLL_SECONDS = 0.2
_BUSY = ("Creating", "Updating", "RollingBack", "SystemUpdating")


class LocalScalableTarget(FakeScalableTarget):
    """A variant with a scalable number of instances.

    Attributes:
        activities: Scaling activities, oldest first.
        lock: Held during a change of the capacity.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.suspended_state: Any = self.suspended_state or {}
        self.activities: list[Activity] = []
        self.lock = threading.Lock()
        self._capacity_before: int | None = None
        self._out_until = self._in_until = 0.0
        self._known_session: RoleSession | None = None

    @property
    def limits(self) -> tuple[int, int]:
        """Minimum and maximum capacity."""
        return int(self.min_capacity or 0), int(self.max_capacity or 0)

    @property
    def account_id(self) -> str:
        """Account of the target."""
        return self.applicationautoscaling_backend.account_id

    @property
    def region_name(self) -> str:
        """Region of the target."""
        return self.applicationautoscaling_backend.region_name

    @property
    def scales_out_from(self) -> int | None:
        """Capacity before the latest scale-out during its cooldown, otherwise None.

        Until the cooldown ends, the added capacity counts towards what the metric calls for.
        """
        return self._capacity_before if time.monotonic() < self._out_until else None

    @property
    def may_scale_in(self) -> bool:
        """True if no cooldown is in effect."""
        return time.monotonic() >= max(self._out_until, self._in_until)

    def is_suspended(self, kind: str) -> bool:
        """Return True if a kind of scaling, such as ``DynamicScalingIn``, is suspended."""
        return bool(self.suspended_state.get(f"{kind}Suspended"))

    def capacity(self) -> int:
        """Return the desired number of instances of the variant.

        Raises:
            ClientError: The endpoint does not exist, or the role must not describe it.
            UnfulfilledError: The endpoint has no such variant.
        """
        return int(self._variant()["DesiredInstanceCount"])

    def change(self, capacity: int, cause: str, details: str = "") -> Activity:
        """Change the number of instances and wait until the change succeeds or fails.

        The caller must hold the lock.
        """
        activity = self._note(f"Setting desired instance count to {capacity}.", cause, details)
        logger.info("%s: %s %s. %s", self.resource_id, activity.description, cause, details)
        try:
            self._request(capacity)
            self._wait_for(capacity)
        except (AccessDenied, BotoCoreError, ClientError, UnfulfilledError) as error:
            logger.warning("%s: %s", self.resource_id, error)
            activity.finish("Failed", f"Failed to set desired instance count to {capacity}. Reason: {error}")
        else:
            activity.finish(
                "Successful",
                f"Successfully set desired instance count to {capacity}. Change successfully fulfilled by sagemaker.",
            )
        return activity

    def leave(self, reason: str, cause: str, capacity: int) -> None:
        """Record why the capacity stays unchanged, unless that is already the latest record."""
        least, greatest = self.limits
        found = {"Code": reason, "MinCapacity": least, "MaxCapacity": greatest, "CurrentCapacity": capacity}
        if self.activities and self.activities[-1].not_scaled == [found]:
            return
        activity = self._note("Attempting to scale due to alarm triggered", cause, "")
        activity.not_scaled = [found]
        activity.finish("Unfulfilled", "")

    def cool_down_out(self, before: int, seconds: float) -> None:
        """Start the cooldown after a scale-out, which ends the one after a scale-in."""
        self._capacity_before, self._in_until = before, 0.0
        self._out_until = time.monotonic() + real_seconds(seconds)

    def cool_down_in(self, seconds: float) -> None:
        """Start the cooldown after a scale-in."""
        self._in_until = time.monotonic() + real_seconds(seconds)

    def hold_limits(self, cause: str) -> None:
        """Bring the capacity within the limits, in the background."""
        threading.Thread(
            target=self._hold_limits, args=(cause,), name=f"limits {self.resource_id}", daemon=True
        ).start()

    def _hold_limits(self, cause: str) -> None:
        with self.lock:
            try:
                self._settled()  # A running operation would make SageMaker refuse the change.
                capacity = self.capacity()
            except (AccessDenied, BotoCoreError, ClientError, UnfulfilledError) as error:
                logger.warning("%s could not be brought within its limits: %s", self.resource_id, error)
                return
            least, greatest = self.limits
            if capacity < least:
                self.change(least, f"{cause}minimum capacity was set to {least}")
            elif capacity > greatest:
                self.change(greatest, f"{cause}maximum capacity was set to {greatest}")

    def _note(self, description: str, cause: str, details: str) -> Activity:
        activity = Activity(
            self.service_namespace, self.resource_id, self.scalable_dimension, description, cause, details
        )
        self.activities.append(activity)
        del self.activities[:-_MOST_ACTIVITIES]
        return activity

    def _request(self, capacity: int) -> None:
        endpoint, variant = variant_of(self.resource_id)
        self._session.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredInstanceCount": capacity}],
        )

    def _wait_for(self, capacity: int) -> None:
        described = self._settled()
        found = self._variant(described).get("CurrentInstanceCount")
        if described["EndpointStatus"] != "InService" or found != capacity:
            raise UnfulfilledError(
                f"the endpoint is {described['EndpointStatus']} with {found} instances. "
                f"{described.get('FailureReason', '')}"
            )

    def _settled(self) -> dict[str, Any]:
        """Wait until no operation is in progress, and return the endpoint's description."""
        while (described := self._describe())["EndpointStatus"] in _BUSY:
            time.sleep(_POLL_SECONDS)
        return described

    def _variant(self, described: dict[str, Any] | None = None) -> dict[str, Any]:
        endpoint, name = variant_of(self.resource_id)
        for variant in (described or self._describe()).get("ProductionVariants", []):
            if variant["VariantName"] == name:
                found: dict[str, Any] = variant
                return found
        raise UnfulfilledError(f"the endpoint {endpoint} has no variant {name}.")

    def _describe(self) -> dict[str, Any]:
        endpoint, _ = variant_of(self.resource_id)
        described: dict[str, Any] = self._session.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        return described

    @property
    def _session(self) -> RoleSession:
        if self._known_session is None:
            self._known_session = assume_role(
                service_linked_role(self.account_id), _SERVICE, "ApplicationAutoScaling", self.region_name
            )
        return self._known_session


class UnfulfilledError(LocalCloudError):
    """The endpoint did not reach the requested capacity."""


def service_linked_role(account_id: str) -> str:
    """Return the ARN of Application Auto Scaling's service-linked role, created on first use."""
    iam = iam_backends[account_id]["aws"]
    for role in iam.get_roles():
        if role.name == _ROLE_NAME:
            return str(role.arn)
    trust = {"Effect": "Allow", "Principal": {"Service": _SERVICE}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(_ROLE_NAME, document, _ROLE_PATH, "", "", [], "3600", linked_service=_SERVICE)
    if any(policy.arn == _ROLE_POLICY for policy in iam.managed_policies.values()):
        # AWS's managed policies exist only with IAM enforcement.
        iam.attach_role_policy(_ROLE_POLICY, _ROLE_NAME)
    return str(role.arn)
