"""CloudFormation's role for updates to another model: all rights that those need, and no others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.core.policy import AccessRequest, Effect, evaluate
from localcloud.services.cloudformation.permissions import HandledResource
from tests.synth.assembly import Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.variants import VARIANTS

_APPROVED = sorted(name for name, values in VARIANTS.items() if not values.get("serving", {}).get("model_package"))


def _of_model(template: JsonObject) -> dict[str, JsonObject]:
    """Return the resources that exist or change with the model parameter."""
    resources: dict[str, JsonObject] = template["Resources"]
    found: set[str] = set()
    while True:
        more = {
            name
            for name, resource in resources.items()
            if resource.get("Condition") or _mentions(resource.get("Properties", {}), {"ModelPackageArn", *found})
        }
        if more <= found:
            return {name: resources[name] for name in found}
        found |= more


def _mentions(value: Any, names: set[str]) -> bool:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in names:
            return True
        case {"Fn::If": _}:
            return True
        case Mapping():
            return any(_mentions(item, names) for item in value.values())
        case list():
            return any(_mentions(item, names) for item in value)
    return False


def _allowed(statements: list[JsonObject], action: str, resource: str | None, context: Mapping[str, str]) -> bool:
    request = AccessRequest(f"arn:aws:sts::{ACCOUNT}:assumed-role/update/x", action, resource, context)
    return evaluate(statements, request) is Effect.ALLOW


@pytest.fixture(params=["dev", "prod", *_APPROVED])
def updated(request: pytest.FixtureRequest, assembly: Assembly, variants: Path) -> Deployment:
    name = request.param
    return Deployment(Assembly(variants) if name in VARIANTS else assembly, name)


def test_the_role_may_handle_all_that_depends_on_the_model(
    updated: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "localcloud.services.cloudformation.permissions._config_tags", lambda *_: {"environment": environment}
    )
    environment = updated.name.removeprefix("topicsmith-")
    region = VARIANTS.get(environment, {}).get("region", REGION)
    statements = updated.statements("serving", "UpdateRole")
    affected = _of_model(updated.templates[f"{updated.name}-serving"])
    assert {one["Type"] for one in affected.values()} >= {"AWS::SageMaker::Model", "AWS::SageMaker::Endpoint"}
    denied = []
    for name, declared in affected.items():
        properties = updated.resolve("serving", declared["Properties"])
        if target := affected.get(properties.get("ScalingTargetId", "")):
            dimension = target["Properties"]["ScalableDimension"]
            properties["ScalingTargetId"] = f"endpoint/{updated.name}/variant/AllTraffic|{dimension}|sagemaker"
        resource = HandledResource(
            type=declared["Type"], name=f"{name}-1A2B3C", properties=properties, account=ACCOUNT, region=region
        )
        # Only tags of models and endpoint configurations can be updated, which no approval does.
        replaced = declared["Type"] in ("AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig")
        for handler in ("create", "delete") if replaced else ("create", "update", "delete"):
            denied += [
                (name, handler, permission.action, permission.resource)
                for permission in resource.permissions(handler)
                if not _allowed(statements, permission.action, permission.resource, permission.context)
            ]
    assert denied == []


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/x", {}),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/x", {}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/x", {"iam:passedtoservice": "sagemaker.amazonaws.com"}),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:x", {}),
        ("s3:GetObject", "arn:aws:s3:::bucket/x", {}),
        ("cloudformation:UpdateStack", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/topicsmith-dev-serving/1", {}),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/topicsmith-prod", {}),
        (
            "sagemaker:DeleteModel",
            f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/x",
            {"aws:resourcetag/environment": "prod"},
        ),
        (
            "sagemaker:AddTags",
            f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/x",
            {"aws:requesttag/environment": "dev", "aws:resourcetag/environment": "prod"},
        ),
        ("sagemaker:CreateModel", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/x", {}),
        ("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:topicsmith-prod-5xx", {}),
    ],
)
def test_the_role_has_no_further_rights(
    assembly: Assembly, action: str, resource: str, context: Mapping[str, str]
) -> None:
    assert not _allowed(Deployment(assembly, "dev").statements("serving", "UpdateRole"), action, resource, context)


def test_the_function_updates_the_stack_only_with_the_role(deployment: Deployment) -> None:
    statements = deployment.statements("serving", "ApprovalDeployRole")
    (role,) = (name for name in deployment.resources("serving", "AWS::IAM::Role") if name.startswith("UpdateRole"))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    (update,) = (one for one in statements if one["Action"] == "cloudformation:UpdateStack")
    assert update["Condition"] == {"StringEquals": {"cloudformation:RoleArn": arn}}
    (passing,) = (one for one in statements if one["Action"] == "iam:PassRole")
    assert passing["Resource"] == arn
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    function = next(
        one["Properties"]["Environment"]["Variables"]
        for one in deployment.resources("serving", "AWS::Lambda::Function").values()
        if "STACK_ID" in json.dumps(one)
    )
    assert function["STACK_ROLE_ARN"] == arn
