"""The stack that serves a model."""

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Duration, Fn

from constructs import Construct
from constructs.algorithm import NtmAlgorithm
from constructs.data_bucket import MODELS, DataBucket
from constructs.model_approval import ModelApproval
from constructs.model_registry import ModelRegistry
from constructs.topic_endpoint import TopicEndpoint, TopicEndpointProps
from stacks.config import EnvironmentConfig
from stacks.environment_stack import EnvironmentStack


class ServingStack(EnvironmentStack):
    """The endpoint, and what serves a model once it is approved.

    An environment that pins a model has no parameter: a promotion is then a change of the template.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        config: EnvironmentConfig,
        data: DataBucket,
        algorithm: NtmAlgorithm,
        registry: ModelRegistry,
    ) -> None:
        super().__init__(
            scope, id, name=name, description="the endpoint that serves the approved topic model", config=config
        )
        if config.serving.model_package:
            endpoint = self._build_endpoint(name, config, data, config.serving.model_package)
        else:
            parameter = CfnParameter(
                self,
                "ModelPackageArn",
                default="",
                allowed_pattern=r"(arn:[\w-]+:sagemaker:[\w-]+:\d{12}:model-package/\S+)?",
                description="The model to serve; without one, there is no endpoint",
            )
            has_model = CfnCondition(
                self, "HasModel", expression=Fn.condition_not(Fn.condition_equals(parameter.value_as_string, ""))
            )
            endpoint = self._build_endpoint(name, config, data, parameter.value_as_string, has_model)
            ModelApproval(
                self,
                "Approval",
                model_package_group=registry.name,
                parameter=parameter,
                log_retention_days=config.log_retention_days,
            )

        data.grant_get(endpoint.role, MODELS)
        algorithm.grant_pull(endpoint.role)

        CfnOutput(self, "EndpointName", value=name, description="Exists once a model is approved")

    def _build_endpoint(
        self,
        name: str,
        config: EnvironmentConfig,
        data: DataBucket,
        model_package_arn: str,
        condition: CfnCondition | None = None,
    ) -> TopicEndpoint:
        chosen = config.serving
        return TopicEndpoint(
            self,
            "Endpoint",
            TopicEndpointProps(
                name=name,
                model_package_arn=model_package_arn,
                key=data.key,
                instance_type=chosen.instance_type,
                min_instances=chosen.min_instances,
                max_instances=chosen.max_instances,
                invocations_per_instance=chosen.invocations_per_instance,
                scale_in_cooldown=Duration.seconds(chosen.scale_in_cooldown_seconds),
                scale_out_cooldown=Duration.seconds(chosen.scale_out_cooldown_seconds),
                condition=condition,
            ),
        )
