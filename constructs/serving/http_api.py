"""The endpoint for callers without an AWS SDK: an HTTP API."""

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
"""Where requests go, as in the container and in SageMaker's own HTTP API."""

_STAGE = "$default"
_Stage = aws_apigatewayv2.CfnStage

# Who asked, what came of it and where the time went, and nothing of the documents; see
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
    """Whose tokens are accepted.

    Attributes:
        url: the issuer, as in the tokens' claim ``iss``.
        audience: the values of their claim ``aud``.
    """

    url: str
    audience: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class InferenceApiProps:
    """What the API is in front of, and who may use it.

    Attributes:
        name: the API's name.
        endpoint_name: the endpoint.
        issuer: whose tokens are accepted; without it, callers sign with AWS credentials that may call the API.
        rate_limit: requests a second, of all callers together.
        burst_limit: requests at one time, of all callers together.
        functions: what all functions have in common; the access log's lines are deleted at the same age.
    """

    name: str
    endpoint_name: str
    issuer: TokenIssuer | None
    rate_limit: int
    burst_limit: int
    functions: FunctionSettings


class InferenceApi(Construct):
    """``POST /invocations``: API Gateway sees who calls and how often, and a function asks the endpoint.

    The function is there because an HTTP API does not reach SageMaker by itself
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html).
    A REST API would, but knows no JWT except Amazon Cognito's, and writes its access log only with a role that is a
    setting of the whole account.

    Attributes:
        url: where requests go.
    """

    def __init__(self, scope: Construct, id: str, props: InferenceApiProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self._api = aws_apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=props.name,
            description=f"Asks {props.endpoint_name}",
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
        """Let the grantee call the API, where callers sign with AWS credentials."""
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
                description="Asks the endpoint for the HTTP API",
                # As long as API Gateway waits.
                timeout=Duration.seconds(30),
                # Of the processor it gets a part that goes with the memory; 1,769 MB are a whole one.
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
