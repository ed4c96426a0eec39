"""Access to the endpoint: the policy for callers and the HTTP API."""

import json
from pathlib import Path

import pytest

from tests.synth.assembly import Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.pipeline.requests import problems

_HTTP_API = "AWS::ApiGatewayV2::"


@pytest.fixture
def iam(variants: Path) -> Deployment:
    """An environment with an HTTP API for callers with AWS credentials."""
    return Deployment(Assembly(variants), "short")


@pytest.fixture
def jwt(variants: Path) -> Deployment:
    """An environment with an HTTP API for callers with a token."""
    return Deployment(Assembly(variants), "volumes")


def _statements(deployment: Deployment) -> list[JsonObject]:
    statements = deployment.resource("serving", "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    assert isinstance(statements, list)
    return statements


def test_callers_may_only_invoke_this_endpoint(deployment: Deployment) -> None:
    assert _statements(deployment) == [
        {
            "Effect": "Allow",
            "Action": "sagemaker:InvokeEndpoint",
            "Resource": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{deployment.name}",
        }
    ]
    assert "Roles" not in deployment.resource("serving", "AWS::IAM::ManagedPolicy")


def test_the_callers_policy_is_an_output(deployment: Deployment) -> None:
    (policy,) = deployment.resources("serving", "AWS::IAM::ManagedPolicy")
    outputs = deployment.templates[f"{deployment.name}-serving"]["Outputs"]
    assert outputs["CallerPolicyArn"]["Value"] == {"Ref": policy}


def test_there_is_no_api_by_default(deployment: Deployment) -> None:
    for template in deployment.templates.values():
        assert [one for one in template["Resources"].values() if one["Type"].startswith(_HTTP_API)] == []


def test_iam_callers_sign_requests_and_need_the_policy(iam: Deployment) -> None:
    (route,) = iam.resources("serving", f"{_HTTP_API}Route").values()
    assert route["Properties"]["RouteKey"] == "POST /invocations"
    assert route["Properties"]["AuthorizationType"] == "AWS_IAM"
    (api,) = iam.resources("serving", f"{_HTTP_API}Api")
    assert [(one["Action"], one["Resource"]) for one in _statements(iam)] == [
        ("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/topicsmith-short"),
        ("execute-api:Invoke", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/POST/invocations"),
    ]


def test_callers_with_a_token_need_one_of_the_issuer_for_the_audience(jwt: Deployment) -> None:
    (authorizer,) = jwt.resources("serving", f"{_HTTP_API}Authorizer")
    properties = jwt.resource("serving", f"{_HTTP_API}Authorizer")
    assert properties["AuthorizerType"] == "JWT"
    assert properties["IdentitySource"] == ["$request.header.Authorization"]
    assert properties["JwtConfiguration"] == {"Issuer": "https://login.example.org/", "Audience": ["topics"]}
    route = jwt.resource("serving", f"{_HTTP_API}Route")
    assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", authorizer)
    assert [one["Action"] for one in _statements(jwt)] == ["sagemaker:InvokeEndpoint"]


def test_no_route_is_open(iam: Deployment, jwt: Deployment) -> None:
    for deployment in (iam, jwt):
        for route in deployment.resources("serving", f"{_HTTP_API}Route").values():
            assert route["Properties"]["AuthorizationType"] != "NONE"


def test_requests_are_throttled(iam: Deployment, jwt: Deployment) -> None:
    for deployment, rate in ((iam, 50), (jwt, 5)):
        stage = deployment.resource("serving", f"{_HTTP_API}Stage")
        assert stage["StageName"] == "$default"
        assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": 100}


def test_every_request_is_logged_without_its_content(iam: Deployment) -> None:
    settings = iam.resource("serving", f"{_HTTP_API}Stage")["AccessLogSettings"]
    groups = iam.resources("serving", "AWS::Logs::LogGroup")
    (group,) = (id for id in groups if id.startswith("HttpApiAccessLogs"))
    assert settings["DestinationArn"].endswith(group)
    assert groups[group]["Properties"]["RetentionInDays"] == 30
    logged = json.loads(settings["Format"])
    assert {"$context.status", "$context.identity.sourceIp", "$context.responseLatency"} <= set(logged.values())
    assert not any("body" in variable for variable in logged.values())


@pytest.mark.parametrize("name", ["short", "volumes"])
def test_the_api_makes_valid_requests_to_api_gateway(variants: Path, name: str) -> None:
    deployment = Deployment(Assembly(variants), name)
    for kind in ("Api", "Stage", "Route", "Integration", "Authorizer"):
        for resource in deployment.resources("serving", f"{_HTTP_API}{kind}").values():
            assert problems(f"Create{kind}", resource["Properties"], "apigatewayv2") == []


def test_the_apis_function_may_invoke_only_this_endpoint(iam: Deployment) -> None:
    (function,) = (
        one["Properties"]
        for id, one in iam.resources("serving", "AWS::Lambda::Function").items()
        if id.startswith("HttpApi")
    )
    assert function["Environment"]["Variables"] == {"ENDPOINT_NAME": "topicsmith-short"}
    # API Gateway's integration timeout.
    assert function["Timeout"] == 30
    statements = iam.statements("serving", "HttpApiInvokeRole")
    assert {action for one in statements for action in _list(one["Action"])} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:InvokeEndpoint",
    }
    (asks,) = (one for one in statements if one["Action"] == "sagemaker:InvokeEndpoint")
    assert asks["Resource"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/topicsmith-short"


def test_only_this_api_may_run_the_function(iam: Deployment) -> None:
    (api,) = iam.resources("serving", f"{_HTTP_API}Api")
    (permission,) = (
        one["Properties"]
        for one in iam.resources("serving", "AWS::Lambda::Permission").values()
        if one["Properties"]["Principal"] == "apigateway.amazonaws.com"
    )
    assert permission["SourceArn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*/*/invocations"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
