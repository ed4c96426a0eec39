"""Cross-account sharing for promotion: exactly what promoted models need.

A model of ``origin`` is registered in ``middle``, and ``last`` serves it from that registry.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_iam
from aws_cdk.assertions import Template
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs.data.data_bucket import PROMOTIONS
from constructs.promotion.promoted_models import promotion_tag
from localcloud.core.policy import AccessRequest, Effect, evaluate
from stacks.config.checks.promotion import promotion_conflicts
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import PromotionPath, promotion_paths
from stacks.data import DataStack
from stacks.promotion import grant_promoted
from tests.synth.assembly import PARTS, Assembly, JsonObject, context
from tests.synth.cloudformation import REGION, Deployment
from tests.synth.variants import PROMOTED
from topicsmith.promotion.artifacts import mark_name
from topicsmith.promotion.records import PREFIX

_ORIGIN, _MIDDLE, _LAST = (PROMOTED[name]["account"] for name in ("origin", "middle", "last"))
_ENDPOINT = f"arn:aws:iam::{_LAST}:role/topicsmith-last-endpoint"
_BUCKET = "databuckete6b0faa8"
_TAG = "s3:ExistingObjectTag/promoted-to-last"
_PULL = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}


@pytest.fixture(scope="module")
def origin(variants: Path) -> Deployment:
    return Deployment(Assembly(variants), "origin")


@pytest.fixture(scope="module")
def middle(variants: Path) -> Deployment:
    return Deployment(Assembly(variants), "middle")


@pytest.fixture(scope="module")
def last(variants: Path) -> Deployment:
    return Deployment(Assembly(variants), "last")


def _policies(deployment: Deployment) -> dict[str, list[JsonObject]]:
    """Return the statements of resource policies by type of resource; for buckets, the data bucket's."""
    data = deployment.resources("data", "AWS::S3::BucketPolicy")
    (bucket,) = (one["Properties"]["PolicyDocument"] for name, one in data.items() if name.startswith("DataBucket"))
    documents = {
        "bucket": bucket,
        "key": deployment.resource("data", "AWS::KMS::Key")["KeyPolicy"],
        "repository": deployment.resource("data", "AWS::ECR::Repository").get("RepositoryPolicyText"),
        "registry": deployment.resource("training", "AWS::SageMaker::ModelPackageGroup").get("ModelPackageGroupPolicy"),
    }
    return {name: document["Statement"] for name, document in documents.items() if document}


def _accounts(value: Any) -> set[str]:
    return set(re.findall(r"arn:aws:iam::(\d{12}):", str(value)))


def _shared(deployment: Deployment, *, own: str) -> dict[str, list[JsonObject]]:
    """Return the statements that allow access from other accounts."""
    found = {
        name: [one for one in statements if one["Effect"] == "Allow" and _accounts(one["Principal"]) - {own}]
        for name, statements in _policies(deployment).items()
    }
    return {name: statements for name, statements in found.items() if statements}


def test_the_image_follows_a_model_through_every_registry(origin: Deployment, middle: Deployment) -> None:
    for deployment, own, readers in ((origin, _ORIGIN, [_MIDDLE, _LAST]), (middle, _MIDDLE, [_LAST])):
        (statement,) = _shared(deployment, own=own)["repository"]
        principals = statement["Principal"]["AWS"]
        named = principals if isinstance(principals, list) else [principals]
        assert sorted(named) == sorted(f"arn:aws:iam::{account}:root" for account in readers)
        assert {*statement["Action"]} == {*_PULL, "ecr:DescribeImages"}
        assert statement.keys() == {"Effect", "Principal", "Action"}


def test_an_environment_that_registers_models_may_only_pull_the_image(origin: Deployment) -> None:
    assert _shared(origin, own=_ORIGIN).keys() == {"repository"}


def test_an_environment_that_pins_models_may_read_the_registry(middle: Deployment) -> None:
    registry = f"arn:aws:sagemaker:{REGION}:{_MIDDLE}"
    principal = {"AWS": f"arn:aws:iam::{_LAST}:root"}
    assert _shared(middle, own=_MIDDLE)["registry"] == [
        {
            "Effect": "Allow",
            "Principal": principal,
            "Action": "sagemaker:DescribeModelPackageGroup",
            "Resource": f"{registry}:model-package-group/topicsmith-middle",
        },
        {
            "Effect": "Allow",
            "Principal": principal,
            "Action": ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            "Resource": f"{registry}:model-package/topicsmith-middle/*",
        },
    ]


def test_its_endpoint_reads_promoted_artifacts(middle: Deployment) -> None:
    shared = _shared(middle, own=_MIDDLE)
    assert shared["bucket"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{_LAST}:root"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{_BUCKET}/models/*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": _ENDPOINT}, "StringEquals": {_TAG: "true"}},
        }
    ]
    assert shared["key"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{_LAST}:root"},
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": _ENDPOINT},
                "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::topicsmith-middle-data-*"},
            },
        }
    ]


def _grants(deployment: Deployment, source: str) -> list[JsonObject]:
    """Return the endpoint role's statements on resources of the environment ``source``."""
    statements = deployment.statements("serving", "EndpointRole")
    return [one for one in statements if source in str(one["Resource"]) or source in str(one.get("Condition"))]


def test_the_endpoints_permissions_match_the_shared_resources(last: Deployment) -> None:
    images, objects, keys = _grants(last, "middle")
    assert {*images["Action"]} == _PULL
    assert set(images["Resource"]) == {
        f"arn:aws:ecr:{REGION}:{account}:repository/topicsmith-{name}-images"
        for account, name in ((_ORIGIN, "origin"), (_MIDDLE, "middle"), (_LAST, "last"))
    }
    assert objects == {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::topicsmith-middle-data-*/models/*",
        "Condition": {"StringEquals": {_TAG: "true", "s3:ResourceAccount": _MIDDLE}},
    }
    assert keys == {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": f"arn:aws:kms:{REGION}:{_MIDDLE}:key/*",
        "Condition": {
            "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com", "aws:ResourceAccount": _MIDDLE},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::topicsmith-middle-data-*"},
        },
    }


def test_a_registered_model_needs_the_image_only(middle: Deployment) -> None:
    (images,) = _grants(middle, "origin")
    assert {*images["Action"]} == _PULL
    assert f"arn:aws:ecr:{REGION}:{_ORIGIN}:repository/topicsmith-origin-images" in images["Resource"]


def test_the_policies_name_the_bucket_as_cloudformation_names_it(variants: Path) -> None:
    """The name is made of the stack, the logical id and 12 characters; the longest one still fits into 63."""
    (bucket,) = (
        name
        for name, resource in Assembly(variants).template("middle", "data")["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket" and "AccessLogs" not in name
    )
    assert bucket.lower() == _BUCKET
    longest = f"topicsmith-{'x' * 15}-data-{bucket}-{'x' * 12}"
    assert len(longest) == 63


@pytest.mark.parametrize(
    ("allowed", "changed"),
    [
        (True, {}),
        (False, {"object": "raw/reviews.csv"}),
        (False, {"object": "bow/1/train/part-0.pbr"}),
        (False, {"object": "evaluation/1/evaluation.json"}),
        (False, {"tag": None}),
        (False, {"tag": "false"}),
        (False, {"principal": f"arn:aws:iam::{_LAST}:role/topicsmith-last-pipeline"}),
        (False, {"principal": f"arn:aws:iam::{_LAST}:user/somebody"}),
        (False, {"principal": _ENDPOINT.replace(_LAST, _ORIGIN)}),
        (False, {"action": "s3:GetObjectVersion"}),
        (False, {"action": "s3:PutObject"}),
        (False, {"action": "s3:DeleteObject"}),
    ],
)
def test_nobody_reads_anything_else(middle: Deployment, allowed: bool, changed: JsonObject) -> None:
    asked = {"object": "models/1/model.tar.gz", "tag": "true", "principal": _ENDPOINT, "action": "s3:GetObject"}
    asked |= changed
    context = {
        "aws:principalarn": asked["principal"],
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        **({_TAG.lower(): asked["tag"]} if asked["tag"] else {}),
    }
    request = AccessRequest(asked["principal"], asked["action"], f"arn:aws:s3:::{_BUCKET}/{asked['object']}", context)
    assert (evaluate(_policies(middle)["bucket"], request) is Effect.ALLOW) is allowed


@pytest.mark.parametrize(
    ("allowed", "changed"),
    [
        (True, {}),
        (False, {"kms:viaservice": "s3.eu-west-1.amazonaws.com"}),
        (False, {"kms:viaservice": f"sagemaker.{REGION}.amazonaws.com"}),
        (False, {"kms:encryptioncontext:aws:s3:arn": "arn:aws:s3:::another-bucket"}),
        (False, {"kms:encryptioncontext:aws:s3:arn": f"arn:aws:s3:::topicsmith-origin-data-{_BUCKET}"}),
        (False, {"aws:principalarn": f"arn:aws:iam::{_LAST}:role/Admin"}),
    ],
)
def test_nobody_decrypts_anything_else(middle: Deployment, allowed: bool, changed: JsonObject) -> None:
    context = {
        "aws:principalarn": _ENDPOINT,
        "kms:viaservice": f"s3.{REGION}.amazonaws.com",
        "kms:encryptioncontext:aws:s3:arn": f"arn:aws:s3:::topicsmith-middle-data-{_BUCKET}-1a2b3c4d5e6f",
        **changed,
    }
    key = _policies(middle)["key"]
    request = AccessRequest(context["aws:principalarn"], "kms:Decrypt", None, context)
    assert (evaluate(key, request) is Effect.ALLOW) is allowed
    for action in ("kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:PutKeyPolicy"):
        assert evaluate(key, AccessRequest(_ENDPOINT, action, None, context)) is Effect.NONE


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ("origin", {_ORIGIN, _MIDDLE, _LAST}),
        ("middle", {_MIDDLE, _LAST}),
        ("last", {_LAST}),
    ],
)
def test_policies_name_only_accounts_on_a_promotion_path(variants: Path, environment: str, named: set[str]) -> None:
    templates = [Assembly(variants).template(environment, part) for part in PARTS]
    assert {account for template in templates for account in _accounts(template["Resources"])} == named
    for statements in _shared(
        Deployment(Assembly(variants), environment), own=PROMOTED[environment]["account"]
    ).values():
        for statement in statements:
            assert set(statement["Principal"]) == {"AWS"}
            assert not any("*" in action for action in statement["Action"])


def test_an_environment_that_no_model_leaves_shares_nothing(variants: Path, last: Deployment) -> None:
    for deployment in (last, Deployment(Assembly(variants), "short")):
        assert _policies(deployment).keys() == {"bucket", "key"}


def test_nothing_is_shared_within_an_account() -> None:
    """Like the shipped environments: prod gets dev's models, and both are in the deployer's account."""
    environments: dict[str, JsonObject] = {"dev": {}, "prod": {"promotion": {"from": "dev"}}}
    assert "RepositoryPolicyText" not in str(_data(environments, "dev").to_json())
    (images,) = _granted(environments, "prod")
    assert f":ecr:{REGION}:', {{'Ref': 'AWS::AccountId'}}, ':repository/topicsmith-dev-images'" in str(
        images["Resource"]
    )
    assert {*images["Action"]} == _PULL


def test_the_endpoints_role_has_a_name_if_models_come_from_elsewhere(
    origin: Deployment, middle: Deployment, last: Deployment
) -> None:
    """Other accounts refer to the role by name; without promotion, CloudFormation generates the name."""
    names = []
    for deployment in (origin, middle, last):
        roles = deployment.resources("serving", "AWS::IAM::Role")
        (role,) = (role["Properties"] for name, role in roles.items() if name.startswith("EndpointRole"))
        names.append(role.get("RoleName"))
    assert names == [None, "topicsmith-middle-endpoint", "topicsmith-last-endpoint"]
    assert _ENDPOINT.endswith(f"/{names[-1]}")


def test_the_endpoint_serves_the_version_of_the_other_account(last: Deployment) -> None:
    model = last.resource("serving", "AWS::SageMaker::Model")
    assert model["PrimaryContainer"] == {"ModelPackageName": PROMOTED["last"]["serving"]["model_package"]}


def _paths(environments: Mapping[str, JsonObject]) -> tuple[dict[str, EnvironmentConfig], dict[str, PromotionPath]]:
    """Return environments with only these settings, and their promotion paths."""
    configs = {
        name: EnvironmentConfig.model_validate({"region": REGION, **values}) for name, values in environments.items()
    }
    assert promotion_conflicts(configs) == {}
    return configs, promotion_paths(configs)


def _granted(environments: Mapping[str, JsonObject], environment: str) -> list[JsonObject]:
    """Return the endpoint role's permissions that come from promotion."""
    configs, paths = _paths(environments)
    config = configs[environment]
    stack = Stack(App(context=context()), "stack", env=Environment(account=config.account, region=REGION))
    role = aws_iam.Role(stack, "Role", assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"))
    grant_promoted(role, environment=environment, config=config, promotions=paths[environment])
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [one for policy in policies for one in policy["Properties"]["PolicyDocument"]["Statement"]]


def _data(environments: Mapping[str, JsonObject], environment: str) -> Template:
    """Return an environment's data stack."""
    configs, paths = _paths(environments)
    config = configs[environment]
    app = App(context=context(), builtin_cloud_formation_validation=False)
    return Template.from_stack(
        DataStack(app, "data", name=f"topicsmith-{environment}", config=config, promotions=paths[environment])
    )


def test_models_of_the_built_in_algorithm_have_an_image_of_aws() -> None:
    tuning = {"strategy": "random", "objective": "validation:total_loss"}
    environments: dict[str, JsonObject] = {
        "dev": {"account": _ORIGIN, "algorithm": "builtin", "tuning": tuning},
        "prod": {"account": _LAST, "promotion": {"from": "dev"}},
    }
    (repository,) = _data(environments, "dev").find_resources("AWS::ECR::Repository").values()
    assert "RepositoryPolicyText" not in repository["Properties"]
    images, _ = _granted(environments, "prod")
    assert {*images["Action"]} == _PULL
    assert images["Resource"] == f"arn:aws:ecr:{REGION}:382416733822:repository/ntm"


def test_a_pinned_model_of_the_same_account_needs_the_role_of_the_endpoint_only() -> None:
    environments: dict[str, JsonObject] = {"dev": {}, "prod": {"promotion": {"from": "dev", "method": "pin"}}}
    data = _data(environments, "dev").to_json()
    assert "promoted-to" not in str(data)
    assert "RepositoryPolicyText" not in str(data)
    account = {"Ref": "AWS::AccountId"}
    _, objects, keys = _granted(environments, "prod")
    assert objects["Condition"] == {
        "StringEquals": {"s3:ExistingObjectTag/promoted-to-prod": "true", "s3:ResourceAccount": account}
    }
    assert keys["Condition"]["StringEquals"]["aws:ResourceAccount"] == account


_ACCOUNTS = st.sampled_from([_ORIGIN, _MIDDLE, _LAST])
_METHODS = st.sampled_from(["pin", "register"])


@settings(max_examples=20)
@given(
    accounts=st.tuples(_ACCOUNTS, _ACCOUNTS, _ACCOUNTS),
    methods=st.tuples(_METHODS, _METHODS),
    last_from=st.sampled_from(["first", "second"]),
)
def test_endpoints_get_nothing_else(accounts: tuple[str, str, str], methods: tuple[str, str], last_from: str) -> None:
    """It may only pull images of its models and read objects that one environment tagged for it."""
    first, second, third = accounts
    environments: dict[str, JsonObject] = {
        "first": {"account": first},
        "second": {"account": second, "promotion": {"from": "first", "method": methods[0]}},
        "third": {"account": third, "promotion": {"from": last_from, "method": methods[1]}},
    }
    images = {("first", first)} | ({("second", second)} if last_from == "second" else set())
    if last_from == "second" and methods[0] == "pin":
        images = {("second", second)}
    source = environments[last_from]["account"]
    for statement in _granted(environments, "third"):
        match statement["Action"]:
            case "s3:GetObject":
                assert methods[1] == "pin"
                assert statement["Resource"] == f"arn:aws:s3:::topicsmith-{last_from}-data-*/models/*"
                assert statement["Condition"] == {
                    "StringEquals": {"s3:ExistingObjectTag/promoted-to-third": "true", "s3:ResourceAccount": source}
                }
            case "kms:Decrypt":
                assert methods[1] == "pin"
                assert statement["Resource"] == f"arn:aws:kms:{REGION}:{source}:key/*"
                assert statement["Condition"].keys() == {"StringEquals", "StringLike"}
            case actions:
                assert {*actions} == _PULL
                named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                assert set(named) == {
                    f"arn:aws:ecr:{REGION}:{account}:repository/topicsmith-{name}-images" for name, account in images
                }


def test_promote_names_tag_and_records_as_the_templates_do() -> None:
    assert mark_name("last") == promotion_tag("last") == _TAG.rpartition("/")[2]
    assert PREFIX == PROMOTIONS
