"""IAM's evaluation rules, each with an example from its reference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.policy import AccessRequest, Effect, decide, evaluate, like, statements_of

ROLE = "arn:aws:sts::123456789012:assumed-role/training/job-1"
OBJECT = "arn:aws:s3:::data/bow/run-1/train/part-00000.pbr"


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **elements}


def request(**changes: Any) -> AccessRequest:
    return AccessRequest(**{"principal": ROLE, "action": "s3:GetObject", "resource": OBJECT, **changes})


def test_nothing_is_allowed_without_a_statement() -> None:
    assert evaluate([], request()) is Effect.NONE


def test_an_explicit_deny_wins_in_any_order() -> None:
    deny = statement(Effect="Deny", Resource="arn:aws:s3:::data/bow/*")
    assert evaluate([statement(), deny], request()) is Effect.DENY
    assert evaluate([deny, statement()], request()) is Effect.DENY


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Action": ["s3:get*", "s3:List*"]}, Effect.ALLOW),
        ({"Action": "s3:PutObject"}, Effect.NONE),
        ({"Action": "*"}, Effect.ALLOW),
        ({"Resource": "arn:aws:s3:::data/bow/*"}, Effect.ALLOW),
        ({"Resource": "arn:aws:s3:::data/models/*"}, Effect.NONE),
        ({"Resource": "arn:aws:s3:::data"}, Effect.NONE),
        ({"NotAction": "s3:GetObject", "Action": "s3:GetObject"}, Effect.ALLOW),
    ],
)
def test_actions_and_resources_match_with_wildcards(elements: dict[str, Any], expected: Effect) -> None:
    assert evaluate([statement(**elements)], request()) is expected


def test_not_resource_excludes() -> None:
    only_elsewhere = {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::data/*"}
    assert evaluate([only_elsewhere], request()) is Effect.NONE
    assert evaluate([only_elsewhere], request(resource="arn:aws:s3:::other/x")) is Effect.ALLOW


def test_an_unknown_resource_is_matched_by_action_only() -> None:
    narrow = statement(Resource="arn:aws:s3:::data/bow/*")
    assert evaluate([narrow], request(resource=None)) is Effect.ALLOW
    assert evaluate([narrow], request(resource=None, action="s3:PutObject")) is Effect.NONE


@pytest.mark.parametrize(
    ("principal", "whoever_is_in_the_account", "named_itself"),
    [
        ("*", Effect.ALLOW, Effect.ALLOW),
        ({"AWS": "*"}, Effect.ALLOW, Effect.ALLOW),
        ({"AWS": "arn:aws:iam::123456789012:root"}, Effect.ALLOW, Effect.NONE),
        ({"AWS": ["123456789012"]}, Effect.ALLOW, Effect.NONE),
        ({"AWS": "arn:aws:iam::123456789012:role/training"}, Effect.ALLOW, Effect.ALLOW),
        ({"AWS": "arn:aws:iam::123456789012:role/serving"}, Effect.NONE, Effect.NONE),
        ({"AWS": "arn:aws:iam::999999999999:root"}, Effect.NONE, Effect.NONE),
        ({"Service": "sagemaker.amazonaws.com"}, Effect.NONE, Effect.NONE),
    ],
)
def test_principals(principal: Any, whoever_is_in_the_account: Effect, named_itself: Effect) -> None:
    policy = [statement(Principal=principal)]
    assert evaluate(policy, request()) is whoever_is_in_the_account
    assert evaluate(policy, request(), accounts=False) is named_itself


def test_a_service_is_a_principal_of_a_trust_policy() -> None:
    trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}]
    asked = AccessRequest("sagemaker.amazonaws.com", "sts:AssumeRole", None)
    assert evaluate(trust, asked) is Effect.ALLOW
    assert evaluate(trust, AccessRequest("lambda.amazonaws.com", "sts:AssumeRole", None)) is Effect.NONE


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:securetransport": "true"}, True),
        ({"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}, {}, False),
        ({"StringEqualsIfExists": {"iam:PassedToService": "sagemaker.amazonaws.com"}}, {}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, {}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, {"aws:principalaccount": "1"}, False),
        ({"StringLike": {"s3:prefix": ["raw/*", "bow/*"]}}, {"s3:prefix": "bow/run-1"}, True),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:1:rule/*"}},
            {"aws:sourcearn": "arn:aws:events:x:1:rule/a"},
            True,
        ),
        ({"NumericLessThan": {"s3:TlsVersion": 1.2}}, {"s3:tlsversion": "1.3"}, False),
        ({"Null": {"aws:SourceArn": "true"}}, {}, True),
        ({"Null": {"aws:SourceArn": "true"}}, {"aws:sourcearn": "a"}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws:tagkeys": "a"}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": "127.0.0.1"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, str], holds: bool) -> None:
    effect = evaluate([statement(Condition=condition)], request(context=context))
    assert effect is (Effect.ALLOW if holds else Effect.NONE)


def test_an_unknown_condition_operator_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="DateGreaterThan"):
        evaluate([statement(Condition={"DateGreaterThan": {"aws:CurrentTime": "x"}})], request())


def test_a_document_may_hold_one_statement_or_a_list() -> None:
    assert statements_of({"Statement": statement()}) == statements_of({"Statement": [statement()]})


@given(st.text(), st.text())
def test_a_star_matches_any_text_and_other_characters_match_themselves(text: str, other: str) -> None:
    literal = text.replace("*", "").replace("?", "")
    assert like(literal, literal)
    assert like(literal + other, literal + "*")
    assert like(other, literal) is (other == literal)


# Variants of the caller's policies and, in _OWN, of the resource's policy with different principals.
_SAYS: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "allow": [statement()],
    "deny": [statement(), statement(Effect="Deny")],
}
_OWN: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "allow the account": [statement(Principal={"AWS": "123456789012"})],
    "allow the role": [statement(Principal={"AWS": "arn:aws:iam::123456789012:role/training"})],
    "deny": [statement(Principal="*"), statement(Principal="*", Effect="Deny")],
}


@pytest.mark.parametrize("identity", _SAYS)
@pytest.mark.parametrize("boundary", _SAYS)
def test_a_permissions_boundary_must_allow_a_request_too(identity: str, boundary: str) -> None:
    refusal = decide(
        request(),
        identity=_SAYS[identity],
        own_policy=[],
        foreign=False,
        own_policy_decides=False,
        boundary=_SAYS[boundary],
    )
    assert (refusal is None) is (identity == boundary == "allow")
    if "deny" in (identity, boundary):
        assert refusal == "with an explicit deny in a policy"
    elif boundary != "allow":
        assert refusal == f"because no permissions boundary allows the {request().action} action"


@pytest.mark.parametrize("identity", _SAYS)
@pytest.mark.parametrize("own", _OWN)
@pytest.mark.parametrize("kind", ["plain", "own policy decides", "foreign"])
def test_policies_that_must_allow_a_request(identity: str, own: str, kind: str) -> None:
    """AWS's evaluation logic: within an account either policy suffices, across accounts both must allow."""

    refusal = decide(
        request(),
        identity=_SAYS[identity],
        own_policy=_OWN[own],
        foreign=kind == "foreign",
        own_policy_decides=kind == "own policy decides",
    )
    shared = own.startswith("allow")
    allowed = {
        "plain": identity == "allow" or own == "allow the role",
        "own policy decides": shared and (identity == "allow" or own == "allow the role"),
        "foreign": identity == "allow" and shared,
    }[kind] and "deny" not in (identity, own)
    assert (refusal is None) is allowed
    if "deny" in (identity, own):
        assert refusal == "with an explicit deny in a policy"
    elif refusal:
        assert ("no identity-based policy" in refusal) is (identity != "allow")
