"""CloudFormation resource types of Application Auto Scaling."""

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localcloud.core.resource_model import ResourceModel
from localcloud.services.applicationautoscaling.models import LocalApplicationAutoScaling

_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class AutoScalingResource(ResourceModel):
    """Base of Application Auto Scaling's resources."""

    @property
    def backend(self) -> LocalApplicationAutoScaling:
        """Application Auto Scaling backend of the stack's account and region."""
        backend = applicationautoscaling_backends[self.account_id][self.region_name]
        assert isinstance(backend, LocalApplicationAutoScaling)
        return backend


class ScalableTarget(AutoScalingResource):
    """``AWS::ApplicationAutoScaling::ScalableTarget``."""

    TYPE = "AWS::ApplicationAutoScaling::ScalableTarget"

    @property
    def physical_resource_id(self) -> str:
        """``<resource id>|<dimension>|<namespace>``, as in CloudFormation."""
        return "|".join(self.properties[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))

    def put(self) -> None:
        """Register the target with exactly its scheduled actions."""
        resource_id, dimension, namespace = self.physical_resource_id.split("|")
        suspended = self.properties.get("SuspendedState", {})
        self.backend.register_scalable_target(
            namespace=namespace,
            r_id=resource_id,
            dimension=dimension,
            min_capacity=int(self.properties["MinCapacity"]),
            max_capacity=int(self.properties["MaxCapacity"]),
            role_arn=self.properties.get("RoleARN", ""),
            suspended_state={name: bool(suspended.get(name, False)) for name in _SUSPENSIONS},
        )
        wanted = {action["ScheduledActionName"]: action for action in self.properties.get("ScheduledActions", [])}
        for known in self.backend.describe_scheduled_actions("", namespace, resource_id, dimension):
            if known.scheduled_action_name not in wanted:
                self.backend.delete_scheduled_action(namespace, known.scheduled_action_name, resource_id, dimension)
        for name, action in wanted.items():
            limits = action.get("ScalableTargetAction", {})
            self.backend.put_scheduled_action(
                service_namespace=namespace,
                schedule=action["Schedule"],
                timezone=action.get("Timezone"),
                scheduled_action_name=name,
                resource_id=resource_id,
                scalable_dimension=dimension,
                start_time=action.get("StartTime"),
                end_time=action.get("EndTime"),
                scalable_target_action={limit: int(value) for limit, value in limits.items()},
            )

    def remove(self) -> None:
        """Deregister the target."""
        resource_id, dimension, namespace = self.physical_resource_id.split("|")
        self.backend.deregister_scalable_target(namespace, resource_id, dimension)


class ScalingPolicy(AutoScalingResource):
    """``AWS::ApplicationAutoScaling::ScalingPolicy``."""

    TYPE = "AWS::ApplicationAutoScaling::ScalingPolicy"

    @property
    def physical_resource_id(self) -> str:
        """The policy's ARN."""
        namespace, resource_id, dimension = self._target()
        _, policies = self.backend.describe_scaling_policies(namespace, resource_id, dimension, None, "")
        return next((policy.policy_arn for policy in policies if policy.policy_name == self._policy_name), self.name)

    @property
    def _policy_name(self) -> str:
        return str(self.properties["PolicyName"])

    def _target(self) -> tuple[str, str, str]:
        if "ScalingTargetId" in self.properties:
            resource_id, dimension, namespace = self.properties["ScalingTargetId"].split("|")
            return namespace, resource_id, dimension
        return tuple(self.properties[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension"))

    def put(self) -> None:
        """Put the policy on its target."""
        namespace, resource_id, dimension = self._target()
        self.backend.put_scaling_policy(
            policy_name=self._policy_name,
            service_namespace=namespace,
            resource_id=resource_id,
            scalable_dimension=dimension,
            policy_body=self.properties.get("TargetTrackingScalingPolicyConfiguration", {}),
            policy_type=self.properties["PolicyType"],
        )

    def remove(self) -> None:
        """Remove the policy, unless it was deleted with its target."""
        namespace, resource_id, dimension = self._target()
        _, policies = self.backend.describe_scaling_policies(namespace, resource_id, dimension, None, "")
        if any(policy.policy_name == self._policy_name for policy in policies):
            self.backend.delete_scaling_policy(self._policy_name, namespace, resource_id, dimension)
