"""Wider and narrower access, and access for outsiders, which is dangerous."""

from typing import Any

import pytest

from tests.topicsmith.diff.support import Case, Resources, compare_all, resource
from topicsmith.diff.model.changes import Change, Risk

_ACCOUNT = "111111111111"
_FOREIGN = "999999999999"
_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def _statement(actions: Any, resources: Any = "arn:aws:s3:::b/*", effect: str = "Allow", **rest: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": actions, "Resource": resources, **rest}


def _policy(*statements: dict[str, Any]) -> Resources:
    document = {"Statement": list(statements)}
    return {
        "Role": resource("AWS::IAM::Role"),
        "Policy": resource("AWS::IAM::Policy", PolicyDocument=document, Roles=[{"Ref": "Role"}]),
    }


def _inline(*statements: dict[str, Any]) -> Resources:
    return {"Role": resource("AWS::IAM::Role", Policies=[{"PolicyDocument": {"Statement": list(statements)}}])}


def _bucket(*statements: dict[str, Any]) -> Resources:
    policy = resource("AWS::S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument={"Statement": list(statements)})
    return {"Bucket": resource("AWS::S3::Bucket"), "Policy": policy}


def _trust(principal: Any, **condition: Any) -> Resources:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    document = {"Statement": [{**statement, **({"Condition": condition} if condition else {})}]}
    return {"Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=document)}


def _thing(kind: str, **properties: Any) -> Resources:
    return {"Thing": resource(kind, **properties)}


def _function_in(*subnets: str) -> Resources:
    return _thing("AWS::Lambda::Function", VpcConfig={"SubnetIds": list(subnets)})


def _authorizer(issuer: str, audience: str = "a") -> Resources:
    return _thing("AWS::ApiGatewayV2::Authorizer", JwtConfiguration={"Issuer": issuer, "Audience": [audience]})


def _rule(cidr: str, direction: str = "Ingress") -> Resources:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": cidr}
    return _thing("AWS::EC2::SecurityGroup", GroupDescription="a", **{f"SecurityGroup{direction}": [rule]})


_NO_RULE = _thing("AWS::EC2::SecurityGroup", GroupDescription="a")
_READ = _statement("s3:GetObject")
_SOMEBODY = {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/x"}
_GITHUB = {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"}
_SUBJECT = {"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:a/b:ref:refs/heads/main"}}

OPENED = {
    "everyone": (_bucket(), _bucket({**_READ, "Principal": "*"})),
    "everyone with TLS": (
        _bucket(),
        _bucket({**_READ, "Principal": {"AWS": "*"}, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
    ),
    "everyone from everywhere": (
        _bucket(),
        _bucket({**_READ, "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}),
    ),
    "another account": (_bucket(), _bucket({**_READ, "Principal": {"AWS": _FOREIGN}})),
    "another account by a condition": (
        _bucket(),
        _bucket({**_READ, "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": _FOREIGN}}}),
    ),
    "trust of another account": (_trust({"Service": "lambda.amazonaws.com"}), _trust({"AWS": _FOREIGN})),
    "trust of an identity provider": (_trust({"Service": "lambda.amazonaws.com"}), _trust(_GITHUB, **_SUBJECT)),
    "all of an identity provider": (_trust(_GITHUB, **_SUBJECT), _trust(_GITHUB)),
    "administrator": (_policy(_READ), _policy(_READ, _statement("*", "*"))),
    "administrator's policy": (
        _thing("AWS::IAM::Role"),
        _thing("AWS::IAM::Role", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    "everything but something": (_policy(_READ), _policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
    "every bucket": (_policy(_READ), _policy(_statement("s3:GetObject", "*"))),
    "every role": (_policy(_READ), _policy(_READ, _statement("iam:PassRole", "*"))),
    "a function for everyone": (
        {"Function": resource("AWS::Lambda::Function")},
        {
            "Function": resource("AWS::Lambda::Function"),
            "Permission": resource(
                "AWS::Lambda::Permission", Principal="*", Action="lambda:InvokeFunction", FunctionName="f"
            ),
        },
    ),
    "a URL for everyone": (_thing("AWS::Lambda::Url", AuthType="AWS_IAM"), _thing("AWS::Lambda::Url", AuthType="NONE")),
    "a route for everyone by now": (
        _thing("AWS::ApiGatewayV2::Route", AuthorizationType="JWT", AuthorizerId="a"),
        _thing("AWS::ApiGatewayV2::Route", AuthorizationType="NONE"),
    ),
    "another issuer of tokens": (_authorizer("https://a/"), _authorizer("https://b/")),
    "an issuer of tokens": ({}, _authorizer("https://a/")),
    "an endpoint without its policy": (
        _thing("AWS::EC2::VPCEndpoint", PolicyDocument={"Statement": [{**_READ, "Principal": _SOMEBODY}]}),
        _thing("AWS::EC2::VPCEndpoint"),
    ),
    "a route for everyone": ({}, _thing("AWS::ApiGatewayV2::Route", RouteKey="POST /")),
    "public access": (
        _thing("AWS::S3::Bucket", PublicAccessBlockConfiguration={"BlockPublicPolicy": True}),
        _thing("AWS::S3::Bucket"),
    ),
    "public ACL": (_thing("AWS::S3::Bucket"), _thing("AWS::S3::Bucket", AccessControl="PublicRead")),
    "the internet": (_NO_RULE, _rule("0.0.0.0/0")),
}
WIDENED = {
    "another action": (_policy(_READ), _policy(_statement(["s3:GetObject", "s3:PutObject"]))),
    "a wildcard": (_policy(_READ), _policy(_statement("s3:Get*"))),
    "more objects": (_policy(_statement("s3:GetObject", "arn:aws:s3:::b/models/*")), _policy(_READ)),
    "without a condition": (_policy({**_READ, "Condition": _TLS}), _policy(_READ)),
    "without a prohibition": (
        _bucket({**_statement("s3:*", effect="Deny"), "Principal": "*", "Condition": _TLS}),
        _bucket(),
    ),
    "somebody": (_bucket(), _bucket({**_READ, "Principal": _SOMEBODY})),
    "everyone of an organization": (
        _bucket(),
        _bucket({**_READ, "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
    ),
    "what has no resources": (_policy(_READ), _policy(_READ, _statement("s3:ListAllMyBuckets", "*"))),
    "a known account": (
        _bucket({**_READ, "Principal": {"AWS": _FOREIGN}}),
        _bucket({**_statement("s3:PutObject"), "Principal": {"AWS": _FOREIGN}}),
    ),
    "another peer": (_NO_RULE, _rule("10.0.0.0/8")),
    "out to the internet": (_rule("10.0.0.0/8", "Egress"), _rule("0.0.0.0/0", "Egress")),
}
GUARDS_OFF = {
    "network isolation": (
        _thing("AWS::SageMaker::Model", EnableNetworkIsolation=True),
        _thing("AWS::SageMaker::Model", EnableNetworkIsolation=False),
    ),
    "VPC": (_function_in("a"), _thing("AWS::Lambda::Function")),
    "all subnets": (_function_in("a"), _function_in()),
    "boundary": (_thing("AWS::IAM::Role", PermissionsBoundary="arn"), _thing("AWS::IAM::Role")),
    "tags of images": (
        _thing("AWS::ECR::Repository", ImageTagMutability="IMMUTABLE"),
        _thing("AWS::ECR::Repository", ImageTagMutability="MUTABLE"),
    ),
}
_ROUTE = "AWS::ApiGatewayV2::Route"
_OF_TOKENS = {"AuthorizationType": "JWT", "AuthorizerId": "a"}
GUARDS_CHANGED = {
    "another VPC": (_function_in("a", "b"), _function_in("c")),
    "a subnet less": (_function_in("a", "b"), _function_in("a")),
    "another audience": (_authorizer("https://a/"), _authorizer("https://a/", "b")),
    "callers known otherwise": (_thing(_ROUTE, AuthorizationType="AWS_IAM"), _thing(_ROUTE, **_OF_TOKENS)),
}
NARROWED = {
    "an action less": (_policy(_statement(["s3:GetObject", "s3:PutObject"])), _policy(_READ)),
    "from a wildcard": (_policy(_statement("s3:*")), _policy(_READ)),
    "a condition more": (_policy(_READ), _policy({**_READ, "Condition": _TLS})),
    "a prohibition": (_policy(_READ), _policy(_READ, _statement("s3:*", effect="Deny"))),
    "a peer less": (_rule("10.0.0.0/8"), _NO_RULE),
}
SAME = {
    "split": (_policy(_statement(["s3:GetObject", "s3:PutObject"])), _policy(_READ, _statement("s3:PutObject"))),
    "reordered": (_policy(_READ, _statement("kms:Decrypt", "k")), _policy(_statement("kms:Decrypt", "k"), _READ)),
    "inline": (_policy(_READ), _inline(_READ)),
    "covered": (_policy(_statement("s3:*")), _policy(_statement("s3:*"), _READ)),
    "joined": (
        _policy(_statement("s3:GetObject", {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::b/*"]]})),
        _policy(_READ),
    ),
    "the root by its number": (
        _bucket({**_READ, "Principal": {"AWS": _ACCOUNT}}),
        _bucket({**_READ, "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}}),
    ),
}
_ALL = {**OPENED, **WIDENED, **GUARDS_OFF, **GUARDS_CHANGED, **NARROWED, **SAME}


@pytest.fixture(scope="module")
def changes() -> dict[str, list[Change]]:
    place = {"account": _ACCOUNT}
    found = compare_all({name: Case(old, new, place, place) for name, (old, new) in _ALL.items()})
    return {name: [change for change in one if change.risk is not Risk.REST] for name, one in found.items()}


@pytest.mark.parametrize("name", OPENED)
def test_opened_access_is_dangerous_and_first(changes: dict[str, list[Change]], name: str) -> None:
    first = changes[name][0]
    assert (first.risk, first.dangerous) == (Risk.ACCESS, True)


@pytest.mark.parametrize("name", WIDENED)
def test_widened_access(changes: dict[str, list[Change]], name: str) -> None:
    first = changes[name][0]
    assert (first.risk, first.rule, first.dangerous) == (Risk.ACCESS, "widened", False)


@pytest.mark.parametrize("name", GUARDS_OFF)
def test_a_removed_guard_is_reported(changes: dict[str, list[Change]], name: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule, change.dangerous) == (Risk.ACCESS, "guard-off", False)


@pytest.mark.parametrize("name", GUARDS_CHANGED)
def test_a_changed_guard_is_neither_removed_nor_new(changes: dict[str, list[Change]], name: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule, change.dangerous) == (Risk.ACCESS, "guard-changed", False)


def test_an_opened_route_is_reported_once(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["a route for everyone by now"]
    assert change.details == ("AuthorizationType: JWT → NONE", "AuthorizerId: - a")


def test_an_endpoint_without_a_policy_lets_everything_through(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["an endpoint without its policy"]
    assert change.details[0] == "+ everyone may * on it"


def test_a_changed_token_issuer_is_reported_once(changes: dict[str, list[Change]]) -> None:
    (change,) = changes["another issuer of tokens"]
    assert change.details == ("JwtConfiguration.Issuer: https://a/ → https://b/",)


@pytest.mark.parametrize("name", NARROWED)
def test_narrowed_access(changes: dict[str, list[Change]], name: str) -> None:
    (change,) = changes[name]
    assert (change.risk, change.rule) == (Risk.ACCESS, "narrowed")


@pytest.mark.parametrize("name", SAME)
def test_equivalent_permissions_are_not_a_change(changes: dict[str, list[Change]], name: str) -> None:
    assert not changes[name]


def test_a_line_names_principal_actions_and_resource(changes: dict[str, list[Change]]) -> None:
    assert changes["another action"][0].details == ("+ may s3:PutObject on arn:aws:s3:::b/*",)
    assert changes["everyone"][0].details == ("+ everyone may s3:GetObject on arn:aws:s3:::b/*",)
    assert "access without TLS" in changes["without a prohibition"][0].message
