"""Stack of the endpoint."""

from collections.abc import Mapping

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Duration, Fn

from constructs import Construct
from constructs.data.data_bucket import CAPTURED, MODELS, DataBucket
from constructs.functions.python_function import FunctionSettings
from constructs.monitoring.rollback_alarms import RollbackAlarms, rollback_alarm_names
from constructs.network.placement import NetworkPlacement
from constructs.notify.notifications import Notifications
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.model_registry import ModelRegistry
from constructs.serving.endpoint import TopicEndpoint, TopicEndpointProps
from constructs.serving.http_api import InferenceApi, InferenceApiProps, TokenIssuer
from constructs.serving.invoke_policy import EndpointInvokePolicy
from constructs.serving.model_approval import ModelApproval, ModelApprovalProps
from constructs.serving.stack_role import ServingStackRole, ServingStackRoleProps
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import PromotionPath
from stacks.environment_stack import EnvironmentStack
from stacks.monitoring import Monitoring, rollback_alarms_props
from stacks.promotion import grant_promoted
from stacks.serving_props import endpoint_props


class ServingStack(EnvironmentStack):
    """Endpoint, automatic deployment of approved models, and monitoring.

    An environment that pins a model has no parameter for it; a promotion then changes the template.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        config: EnvironmentConfig,
        data: DataBucket,
        network: NetworkPlacement | None,
        algorithm: NtmAlgorithm,
        registry: ModelRegistry,
        notifications: Notifications,
        promotions: PromotionPath,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(
            scope, id, name=name, description="endpoint that serves the approved topic model", config=config
        )
        self._name = name
        self._config = config
        self._data = data
        self._network = network
        self._functions = FunctionSettings(log_retention_days=config.log_retention_days, network=network)
        self._notifications = notifications
        pinned = config.serving.model_package
        if pinned:
            props = self._endpoint_props(pinned)
            endpoint, approval = self._build_endpoint(props), None
        else:
            parameter = self._build_parameter()
            has_model = CfnCondition(
                self, "HasModel", expression=Fn.condition_not(Fn.condition_equals(parameter.value_as_string, ""))
            )
            props = self._endpoint_props(parameter.value_as_string, has_model)
            endpoint = self._build_endpoint(props)
            approval = self._build_approval(parameter, has_model, registry, endpoint, tags["environment"])
        data.grant_get(endpoint.role, MODELS)
        if config.serving.data_capture.enabled:
            data.grant_output(endpoint.role, CAPTURED)
        algorithm.grant_pull(endpoint.role)
        grant_promoted(endpoint.role, environment=tags["environment"], config=config, promotions=promotions)

        Monitoring(
            self,
            "Monitoring",
            config=config,
            environment=tags["environment"],
            endpoint=props,
            pipeline_name=name,
            approval=approval,
            notifications=notifications,
        )
        self._build_access()

        CfnOutput(self, "EndpointName", value=name, description="Endpoint, which exists once a model is approved")

    def _build_parameter(self) -> CfnParameter:
        return CfnParameter(
            self,
            "ModelPackageArn",
            default="",
            allowed_pattern=r"(arn:[\w-]+:sagemaker:[\w-]+:\d{12}:model-package/\S+)?",
            description="ARN of the model package to serve; without one, there is no endpoint",
        )

    def _endpoint_props(self, model_package_arn: str, condition: CfnCondition | None = None) -> TopicEndpointProps:
        alarms = rollback_alarms_props(self._config, endpoint_name=self._name, condition=condition)
        return endpoint_props(
            self._config,
            name=self._name,
            data=self._data,
            model_package_arn=model_package_arn,
            condition=condition,
            rollback_alarms=rollback_alarm_names(alarms) if alarms else (),
            network=self._network,
        )

    def _build_endpoint(self, props: TopicEndpointProps) -> TopicEndpoint:
        endpoint = TopicEndpoint(self, "Endpoint", props)
        alarms = rollback_alarms_props(self._config, endpoint_name=self._name, condition=props.condition)
        if alarms:
            RollbackAlarms(self, "RollbackAlarms", alarms, endpoint=endpoint)
        return endpoint

    def _build_approval(
        self,
        parameter: CfnParameter,
        has_model: CfnCondition,
        registry: ModelRegistry,
        endpoint: TopicEndpoint,
        environment: str,
    ) -> ModelApproval:
        role = ServingStackRole(
            self,
            "UpdateRole",
            ServingStackRoleProps(
                environment=environment, endpoint_name=self._name, model_role=endpoint.role, key=self._data.key
            ),
        )
        time = CfnParameter(
            self,
            "ModelApprovedAt",
            default="",
            allowed_pattern=r"(\d{4}-\d{2}-\d{2}T\S+)?",
            description="Time at which the served model was approved, set by the function that deploys it",
        )
        # An update that changes a parameter which nothing uses would be refused.
        served = CfnOutput(
            self,
            "ServedModel",
            value=Fn.join(" ", [parameter.value_as_string, time.value_as_string]),
            description="ARN of the served model package and time of its approval",
        )
        served.condition = has_model
        return ModelApproval(
            self,
            "Approval",
            ModelApprovalProps(
                model_package_group=registry.name,
                parameter=parameter,
                time=time,
                endpoint_name=self._name,
                stack_role=role,
                notifications=self._notifications,
                # An update that reaches its limit is followed by CloudFormation's rollback, another one.
                longest_update=Duration.seconds(2 * self._config.serving.update.max_execution_seconds),
                functions=self._functions,
            ),
        )

    def _build_access(self) -> None:
        caller = EndpointInvokePolicy(self, "Caller", endpoint_name=self._name)
        chosen = self._config.http_api
        if chosen.auth:
            api = InferenceApi(
                self,
                "HttpApi",
                InferenceApiProps(
                    name=self._name,
                    endpoint_name=self._name,
                    issuer=TokenIssuer(url=chosen.issuer, audience=chosen.audience) if chosen.issuer else None,
                    rate_limit=chosen.rate_limit,
                    burst_limit=chosen.burst_limit,
                    functions=self._functions,
                ),
            )
            if chosen.auth == "iam":
                api.grant_invoke(caller.policy)
            CfnOutput(self, "HttpApiUrl", value=api.url, description="URL that accepts the endpoint's requests by POST")
        CfnOutput(
            self,
            "CallerPolicyArn",
            value=caller.policy.managed_policy_arn,
            description="Managed policy to attach to callers of the endpoint",
        )
