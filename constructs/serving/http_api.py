"""HTTP API in front of the endpoint, for callers without an AWS SDK."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import (
    Duration,
    Stack,
    aws_apigatewayv2,
    aws_apigatewayv2_authorizers,
    aws_apigatewayv2_integrations,
    aws_iam,
    aws_lambda,
)

from constructs import Construct
from constructs.common.grants import grant
from constructs.common.log_group import build_log_group
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps

PATH = "/invocations"
"""Path of requests, as in the container and in SageMaker's own HTTP API."""

_STAGE = "$default"
_Stage = aws_apigatewayv2.CfnStage

# Caller, outcome and latency of each request, but nothing of the documents; see
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html.
_LOG_LINE = {
    "time": "$context.requestTime",
    "request": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.identity.caller",
    "subject": "$context.authorizer.claims.sub",
    "status": "$context.status",
    "authorizerError": "$context.authorizer.error",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "length": "$context.responseLength",
}


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Issuer of accepted JSON web tokens.

    Attributes:
        url: Value of the claim ``iss``.
        audience: Accepted values of the claim ``aud``.
    """

    url: str
    audience: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class InferenceApiProps:
    """Properties of the API.

    Attributes:
        name: Name of the API.
        endpoint_name: Name of the endpoint.
        issuer: Token issuer for JWT authorization; None for IAM authorization.
        rate_limit: Requests per second for all callers together.
        burst_limit: Concurrent requests for all callers together.
        functions: Settings shared by all functions; their log retention also applies to the access log.
    """

    name: str
    endpoint_name: str
    issuer: TokenIssuer | None
    rate_limit: int
    burst_limit: int
    functions: FunctionSettings


class InferenceApi(Construct):
    """``POST /invocations``: API Gateway authorizes and throttles requests, and a function invokes the endpoint.

    The function is needed because an HTTP API has no integration with SageMaker
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html).
    A REST API has one, but it only supports Amazon Cognito's JWTs, and its access log requires an account-wide role.

    Attributes:
        url: URL for requests.
    """

    def __init__(self, scope: Construct, id: str, props: InferenceApiProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self._api = aws_apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=props.name,
            description=f"Invokes endpoint {props.endpoint_name}",
            create_default_stage=False,
        )
        self._build_stage()
        self._api.add_routes(
            path=PATH,
            methods=[aws_apigatewayv2.HttpMethod.POST],
            integration=aws_apigatewayv2_integrations.HttpLambdaIntegration("Invoke", self._build_function()),
            authorizer=_authorizer(props.issuer),
        )
        self.url = f"{self._api.api_endpoint}{PATH}"

    def grant_invoke(self, grantee: aws_iam.IGrantable) -> None:
        """Allow calling the API with IAM authorization."""
        method = f"{self._api.api_id}/{_STAGE}/POST{PATH}"
        grant(
            grantee,
            actions=["execute-api:Invoke"],
            resources=[Stack.of(self).format_arn(service="execute-api", resource=method)],
        )

    def _build_stage(self) -> None:
        props = self._props
        log_group = build_log_group(self, "AccessLogs", retention_days=props.functions.log_retention_days)
        _Stage(
            self,
            "Stage",
            api_id=self._api.api_id,
            stage_name=_STAGE,
            auto_deploy=True,
            access_log_settings=_Stage.AccessLogSettingsProperty(
                destination_arn=log_group.log_group_arn, format=json.dumps(_LOG_LINE)
            ),
            default_route_settings=_Stage.RouteSettingsProperty(
                throttling_rate_limit=props.rate_limit, throttling_burst_limit=props.burst_limit
            ),
        )

    def _build_function(self) -> aws_lambda.Function:
        props = self._props
        function = PythonFunction(
            self,
            "Invoke",
            PythonFunctionProps(
                folder="invoke_endpoint",
                description="Forwards requests of the HTTP API to the endpoint",
                # API Gateway's own limit.
                timeout=Duration.seconds(30),
                # CPU is proportional to memory; 1,769 MB correspond to one vCPU.
                memory_mb=512,
                settings=props.functions,
                environment={"ENDPOINT_NAME": props.endpoint_name},
            ),
        ).function
        endpoint = Stack.of(self).format_arn(
            service="sagemaker", resource="endpoint", resource_name=props.endpoint_name
        )
        grant(function, actions=["sagemaker:InvokeEndpoint"], resources=[endpoint])
        return function


def _authorizer(issuer: TokenIssuer | None) -> aws_apigatewayv2.IHttpRouteAuthorizer:
    if issuer is None:
        return aws_apigatewayv2_authorizers.HttpIamAuthorizer()
    return aws_apigatewayv2_authorizers.HttpJwtAuthorizer("Tokens", issuer.url, jwt_audience=list(issuer.audience))
