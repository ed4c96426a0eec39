"""The endpoint that serves a topic model."""

from dataclasses import dataclass

from aws_cdk import CfnCondition, Duration, aws_applicationautoscaling, aws_kms, aws_sagemaker

from constructs import Construct
from constructs.instance_types import has_local_storage
from constructs.sagemaker_role import SageMakerJobRole

VARIANT = "AllTraffic"
"""The variant's name, for ever: autoscaling and a rolling update find the instances by it."""


@dataclass(frozen=True, kw_only=True)
class TopicEndpointProps:
    """What the endpoint serves, and on what.

    Attributes:
        name: the endpoint's name.
        model_package_arn: the registered model.
        key: encrypts the instances' volumes where the instance allows it.
        instance_type: for example ``ml.m5.large``.
        min_instances: the least number of instances.
        max_instances: the greatest number of instances.
        invocations_per_instance: requests a minute and instance that autoscaling keeps to.
        scale_in_cooldown: the pause after instances were removed.
        scale_out_cooldown: the pause after instances were added.
        condition: whether there is a model; without it, there always is one.
    """

    name: str
    model_package_arn: str
    key: aws_kms.IKey
    instance_type: str
    min_instances: int
    max_instances: int
    invocations_per_instance: int
    scale_in_cooldown: Duration
    scale_out_cooldown: Duration
    condition: CfnCondition | None = None


class TopicEndpoint(Construct):
    """Model, endpoint and autoscaling; they exist only together with a model.

    Attributes:
        role: the model's role; it needs to read models and to pull the image.
    """

    def __init__(self, scope: Construct, id: str, props: TopicEndpointProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Serves a topic model",
            log_group=f"/aws/sagemaker/Endpoints/{props.name}",
            metrics="/aws/sagemaker/Endpoints",
        )
        model = self._build_model()
        config = self._build_config(model)
        endpoint = self._build_endpoint(config)
        target = self._build_scalable_target(endpoint)
        policy = self._build_scaling_policy(target)
        for resource in (model, config, endpoint, target, policy):
            resource.cfn_options.condition = props.condition

    def _build_model(self) -> aws_sagemaker.CfnModel:
        model = aws_sagemaker.CfnModel(
            self,
            "Model",
            primary_container=aws_sagemaker.CfnModel.ContainerDefinitionProperty(
                model_package_name=self._props.model_package_arn
            ),
            execution_role_arn=self.role.role_arn,
            enable_network_isolation=True,
        )
        # SageMaker looks for the image and the artifact, as the role, as soon as the model is made.
        model.node.add_dependency(self.role.node.find_child("DefaultPolicy"))
        return model

    def _build_config(self, model: aws_sagemaker.CfnModel) -> aws_sagemaker.CfnEndpointConfig:
        props = self._props
        return aws_sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    model_name=model.attr_model_name,
                    instance_type=props.instance_type,
                    initial_instance_count=props.min_instances,
                    initial_variant_weight=1,
                )
            ],
            kms_key_id=None if has_local_storage(props.instance_type) else props.key.key_arn,
        )

    def _build_endpoint(self, config: aws_sagemaker.CfnEndpointConfig) -> aws_sagemaker.CfnEndpoint:
        return aws_sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._props.name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # An update keeps the number of instances that autoscaling has come to.
            retain_all_variant_properties=True,
        )

    def _build_scalable_target(
        self, endpoint: aws_sagemaker.CfnEndpoint
    ) -> aws_applicationautoscaling.CfnScalableTarget:
        return aws_applicationautoscaling.CfnScalableTarget(
            self,
            "ScalableTarget",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
            min_capacity=self._props.min_instances,
            max_capacity=self._props.max_instances,
        )

    def _build_scaling_policy(
        self, target: aws_applicationautoscaling.CfnScalableTarget
    ) -> aws_applicationautoscaling.CfnScalingPolicy:
        props = self._props
        policy = aws_applicationautoscaling.CfnScalingPolicy
        return policy(
            self,
            "ScalingPolicy",
            policy_name="InvocationsPerInstance",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=policy.TargetTrackingScalingPolicyConfigurationProperty(
                predefined_metric_specification=policy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
                target_value=props.invocations_per_instance,
                scale_in_cooldown=props.scale_in_cooldown.to_seconds(),
                scale_out_cooldown=props.scale_out_cooldown.to_seconds(),
            ),
        )
