"""The endpoint that serves topic models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnResource, aws_kms, aws_sagemaker

from constructs import Construct, IDependable
from constructs.common.sagemaker_role import SageMakerJobRole
from constructs.network.placement import NetworkPlacement
from constructs.serving.autoscaling import ScaledVariant, ScalingTargets, ScheduledCapacity, scale_variant
from constructs.serving.data_capture import DataCapture
from constructs.serving.deployment_config import BlueGreenUpdate
from constructs.serving.variants import ALL_TRAFFIC, EndpointVariant, InstanceFleet


@dataclass(frozen=True, kw_only=True)
class TopicEndpointProps:
    """What the endpoint serves, on what, and how it changes.

    Attributes:
        name: the endpoint's name.
        variants: the models that answer; the first is the approved one's, ``AllTraffic``.
        shadow: a model that gets copies of the requests, beside a single variant of instances.
        key: encrypts the instances' volumes where all of them allow it, and what is captured.
        scaling: the load that an instance shall have.
        schedule: limits of the approved model's instances at certain times.
        data_capture: what is kept of requests and answers; without it, nothing.
        update: how requests go over to a new fleet; without it, all at once, and nothing rolls it back but a fleet that
            does not start.
        rollback_alarms: names of the CloudWatch alarms that roll an update back.
        network: where the models are, on instances; None for SageMaker's own network.
        condition: whether there is a model; without it, there always is one.
        role_name: the name of the models' role, where another account names it; without it, CloudFormation makes one.
    """

    name: str
    variants: Sequence[EndpointVariant]
    key: aws_kms.IKey
    scaling: ScalingTargets
    shadow: EndpointVariant | None = None
    schedule: Sequence[ScheduledCapacity] = ()
    data_capture: DataCapture | None = None
    update: BlueGreenUpdate | None = None
    rollback_alarms: Sequence[str] = ()
    network: NetworkPlacement | None = None
    condition: CfnCondition | None = None
    role_name: str | None = None


class TopicEndpoint(Construct):
    """Models, endpoint and autoscaling; they exist only together with a model.

    Attributes:
        name: the endpoint's name, also while there is no model.
        variant_names: the names of the variants that answer.
        config_name: the name of the endpoint configuration, by which metrics tell a new fleet from the old one.
        role: the models' role; it needs to read models, to pull the image, and to write what is captured.
    """

    def __init__(self, scope: Construct, id: str, props: TopicEndpointProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.name = props.name
        self.variant_names = tuple(variant.name for variant in props.variants)
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Serves a topic model",
            log_group=f"/aws/sagemaker/Endpoints/{props.name}",
            metrics="/aws/sagemaker/Endpoints",
            role_name=props.role_name,
        )
        if props.network:
            props.network.grant_sagemaker(self.role)
        variants = [*props.variants, *([props.shadow] if props.shadow else [])]
        scopes = {variant.name: self._build_scope(variant) for variant in variants}
        models = {variant.name: self._build_model(scopes[variant.name], variant) for variant in variants}
        config = self._build_config(models)
        self.config_name = config.attr_endpoint_config_name
        self._endpoint = self._build_endpoint(config)
        scaling = [part for variant in props.variants for part in self._scale(scopes[variant.name], variant)]
        for resource in (*models.values(), config, self._endpoint, *scaling):
            resource.cfn_options.condition = props.condition

    def depend_on(self, *dependencies: IDependable) -> None:
        """Create and update the endpoint after these: alarms that roll an update back must be there before it."""
        self._endpoint.node.add_dependency(*dependencies)

    def _build_scope(self, variant: EndpointVariant) -> Construct:
        """Return where a variant's resources are: the approved model's here, since their ids must never change."""
        return self if variant.name == ALL_TRAFFIC else Construct(self, f"{variant.name}Variant")

    def _build_model(self, scope: Construct, variant: EndpointVariant) -> aws_sagemaker.CfnModel:
        model = aws_sagemaker.CfnModel(
            scope,
            "Model",
            primary_container=aws_sagemaker.CfnModel.ContainerDefinitionProperty(
                model_package_name=variant.model_package_arn
            ),
            execution_role_arn=self.role.role_arn,
            # Serverless variants do not have it: "Feature exclusions" in
            # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
            enable_network_isolation=variant.has_instances,
            vpc_config=self._props.network.to_property() if self._props.network else None,
        )
        # SageMaker looks for the image and the artifact, as the role, as soon as the model is made.
        model.node.add_dependency(self.role.node.find_child("DefaultPolicy"))
        return model

    def _build_config(self, models: Mapping[str, aws_sagemaker.CfnModel]) -> aws_sagemaker.CfnEndpointConfig:
        props = self._props
        shadows = [props.shadow] if props.shadow else []
        # One variant that refuses a key is enough for SageMaker to refuse it.
        keyless = any(variant.refuses_volume_key for variant in (*props.variants, *shadows))
        return aws_sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[_with_model(variant, models) for variant in props.variants],
            shadow_production_variants=[_with_model(variant, models) for variant in shadows] or None,
            data_capture_config=props.data_capture.to_property(props.key) if props.data_capture else None,
            kms_key_id=None if keyless else props.key.key_arn,
        )

    def _build_endpoint(self, config: aws_sagemaker.CfnEndpointConfig) -> aws_sagemaker.CfnEndpoint:
        props = self._props
        scaled = any(variant.has_instances for variant in props.variants)
        return aws_sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=props.name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # An update keeps the number of instances that autoscaling has come to, and nothing else: weights and data
            # capture are what the template says.
            retain_all_variant_properties=True if scaled else None,
            exclude_retained_variant_properties=[
                aws_sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type=property_)
                for property_ in ("DesiredWeight", "DataCaptureConfig")
            ]
            if scaled
            else None,
            deployment_config=props.update.to_property(props.rollback_alarms) if props.update else None,
        )

    def _scale(self, scope: Construct, variant: EndpointVariant) -> Sequence[CfnResource]:
        if not isinstance(variant.capacity, InstanceFleet):
            return []
        return scale_variant(
            scope,
            ScaledVariant(endpoint=self._endpoint, name=variant.name, fleet=variant.capacity),
            self._props.scaling,
            self._props.schedule if variant.name == ALL_TRAFFIC else (),
        )


def _with_model(
    variant: EndpointVariant, models: Mapping[str, aws_sagemaker.CfnModel]
) -> aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty:
    return variant.to_property(models[variant.name].attr_model_name)
