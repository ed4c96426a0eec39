"""Delivery of environments by GitHub Actions or CodePipeline, and its permissions."""

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

import app
from stacks.config.delivery import DeliveryConfig
from stacks.config.environment import EnvironmentConfig
from stacks.delivery.delivery import add_delivery
from tests.synth.assembly import ROOT, JsonObject, context
from tests.synth.operations import authorization_reference

CONNECTION = "arn:aws:codeconnections:us-east-1:999999999999:connection/01234567-89ab-cdef-0123-456789abcdef"
GITHUB = "token.actions.githubusercontent.com"
ENVIRONMENTS: dict[str, JsonObject] = {
    "dev": {"region": "us-east-1", "account": "111111111111"},
    # Shares dev's account: only the first stack creates the identity provider.
    "staging": {"region": "eu-west-1", "account": "111111111111"},
    "prod": {
        "region": "us-east-1",
        "account": "222222222222",
        "production": True,
        "network": {"allow_public": True},
        "notifications": {"emails": ["topics@acme.org"]},
        "serving": {"min_instances": 2, "max_instances": 4, "update": {"termination_wait_seconds": 600}},
        "gate": {"npmi": 0.1},
    },
}

Templates = dict[str, JsonObject]


def synthesize(directory: Path, **ways: Any) -> Templates:
    """Return the templates by construct id, checked by the same rules as the environments."""
    values = {"repository": "acme/topics", "environments": list(ENVIRONMENTS), **ways}
    scope = App(context=context(), outdir=str(directory))
    environments = {name: EnvironmentConfig.model_validate(one) for name, one in ENVIRONMENTS.items()}
    add_delivery(scope, DeliveryConfig.model_validate(values), environments)
    Validations.of(scope).add_plugins(AwsSolutionsChecks(scope))
    scope.synth()
    return {path.name.split(".")[0]: json.loads(path.read_text()) for path in directory.glob("*.template.json")}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("delivery")


@pytest.fixture(scope="module")
def github(directory: Path) -> Templates:
    return synthesize(directory / "github", github={"owner_id": 7, "repository_id": 8})


@pytest.fixture(scope="module")
def codepipeline(directory: Path) -> Templates:
    return synthesize(
        directory / "codepipeline", codepipeline={"connection": CONNECTION, "approvers": ["topics@acme.org"]}
    )


def resources(template: JsonObject, type_: str) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == type_}


def role(template: JsonObject, name: str) -> tuple[str, JsonObject]:
    """Return a role's logical id and the only statement of its trust policy."""
    ((logical_id, properties),) = (
        (logical_id, properties)
        for logical_id, properties in resources(template, "AWS::IAM::Role").items()
        if properties.get("RoleName") == name
    )
    (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
    return logical_id, statement


def statements(template: JsonObject, logical_id: str) -> list[JsonObject]:
    return [
        {**statement, "Action": listed(statement["Action"]), "Resource": listed(statement["Resource"])}
        for policy in resources(template, "AWS::IAM::Policy").values()
        if {"Ref": logical_id} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def role_arn(account: str, name: str) -> JsonObject:
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":iam::{account}:role/{name}"]]}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(found: list[JsonObject]) -> set[str]:
    return {action for statement in found for action in statement["Action"]}


def test_a_job_is_known_by_audience_repository_environment_and_branch(github: Templates) -> None:
    deploy, review = (role(github["Delivery-prod"], f"topicsmith-prod-{work}")[1] for work in ("deploy", "review"))
    for statement, context_ in ((deploy, "environment:prod"), (review, "ref:refs/heads/main")):
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert set(statement["Principal"]) == {"Federated"}
        assert statement["Condition"] == {
            "StringEquals": {
                f"{GITHUB}:aud": "sts.amazonaws.com",
                f"{GITHUB}:sub": f"repo:acme@7/topics@8:{context_}",
                f"{GITHUB}:ref": "refs/heads/main",
            }
        }


def test_an_account_gets_one_identity_provider_which_outlives_the_stack(github: Templates) -> None:
    providers = {name: resources(template, "AWS::IAM::OIDCProvider") for name, template in github.items()}
    assert {name for name, found in providers.items() if found} == {"Delivery-dev", "Delivery-prod"}
    for name in ("Delivery-dev", "Delivery-prod"):
        ((logical_id, provider),) = providers[name].items()
        assert provider["Url"] == f"https://{GITHUB}"
        assert provider["ClientIdList"] == ["sts.amazonaws.com"]
        assert github[name]["Resources"][logical_id]["DeletionPolicy"] == "RetainExceptOnCreate"
    _, statement = role(github["Delivery-staging"], "topicsmith-staging-deploy")
    assert statement["Principal"]["Federated"] == f"arn:aws:iam::111111111111:oidc-provider/{GITHUB}"


def test_the_stack_with_the_provider_comes_first(github: Templates, directory: Path) -> None:
    assert set(github) == {"Delivery-dev", "Delivery-staging", "Delivery-prod"}
    artifacts = json.loads((directory / "github" / "manifest.json").read_text())["artifacts"]
    assert "Delivery-dev" in artifacts["Delivery-staging"]["dependencies"]
    assert "Delivery-dev" not in artifacts["Delivery-prod"]["dependencies"]
    assert artifacts["Delivery-prod"]["properties"]["stackName"] == "topicsmith-delivery-prod"
    assert artifacts["Delivery-prod"]["environment"] == "aws://222222222222/us-east-1"


def test_an_account_may_have_the_provider_already(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, environments=["dev"], github={"provider": "existing"})
    assert not any(resources(template, "AWS::IAM::OIDCProvider") for template in templates.values())
    _, statement = role(templates["Delivery-dev"], "topicsmith-dev-deploy")
    assert statement["Condition"]["StringEquals"][f"{GITHUB}:sub"] == "repo:acme/topics:environment:dev"


@pytest.mark.parametrize("way", ["github", "codepipeline"])
def test_the_deploying_role_may_only_assume_cdks_roles_of_this_environment(
    way: str, request: pytest.FixtureRequest
) -> None:
    template = request.getfixturevalue(way)["Delivery-staging"]
    logical_id, _ = role(template, "topicsmith-staging-deploy")
    (statement,) = statements(template, logical_id)
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["sts:AssumeRole"])
    here = "${AWS::AccountId}-${AWS::Region}"
    assert statement["Resource"] == [
        "arn:aws:iam::111111111111:role/topicsmith-staging-image-publishing",
        *(
            {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/cdk-hnb659fds-{name}-role-{here}"}
            for name in ("deploy", "file-publishing")
        ),
    ]


@pytest.mark.parametrize("way", ["github", "codepipeline"])
def test_the_reviewing_role_reads_templates_and_invokes_the_endpoint(way: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(way)["Delivery-prod"]
    logical_id, _ = role(template, "topicsmith-prod-review")
    found = statements(template, logical_id)
    assert allowed(found) == {
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModel",
        "sagemaker:InvokeEndpoint",
        "sagemaker:ListModelPackages",
    }
    for statement in found:
        if statement["Action"] == ["cloudformation:DescribeStacks"]:
            # All stacks, to find those removed by the commit.
            continue
        named = all("topicsmith-prod" in resource for resource in statement["Resource"])
        tagged = statement.get("Condition") == {"StringEquals": {"aws:ResourceTag/environment": "prod"}}
        assert named != tagged, statement


@pytest.mark.parametrize("work", ["deploy", "review"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_role_trusts_the_steps_of_its_own_environment(codepipeline: Templates, name: str, work: str) -> None:
    """The trust is by role name, and the role of the steps may assume only that role."""
    there = role_arn(ENVIRONMENTS[name]["account"], f"topicsmith-{name}-{work}")
    step = role_arn("999999999999", f"topicsmith-delivery.{name}-{work}")
    _, statement = role(codepipeline[f"Delivery-{name}"], f"topicsmith-{name}-{work}")
    assert statement["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}
    assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": step}}
    logical_id, trusted = role(codepipeline["Delivery"], f"topicsmith-delivery.{name}-{work}")
    assert trusted["Principal"] == {"Service": "codebuild.amazonaws.com"}
    found = statements(codepipeline["Delivery"], logical_id)
    assert [one["Resource"] for one in found if "sts:AssumeRole" in one["Action"]] == [[there]]


def stages(template: JsonObject) -> dict[str, list[str]]:
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline").values()
    return {
        stage["Name"]: [action["Name"] for action in sorted(stage["Actions"], key=lambda action: action["RunOrder"])]
        for stage in pipeline["Stages"]
    }


def test_a_commit_is_tested_and_goes_from_one_environment_to_the_next(codepipeline: Templates) -> None:
    assert list(stages(codepipeline["Delivery"]).items()) == [
        ("Source", ["acme_topics"]),
        ("Build", ["Test"]),
        ("UpdatePipeline", ["SelfMutate"]),
        ("dev", ["Deploy", "Check"]),
        ("staging", ["Deploy", "Check"]),
        ("prod", ["Review", "Approve", "Deploy", "Check"]),
    ]


def actions(template: JsonObject) -> Iterator[JsonObject]:
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline").values()
    return (action for stage in pipeline["Stages"] for action in stage["Actions"])


def test_no_action_of_cloudformation_resets_the_model_that_is_served(codepipeline: Templates) -> None:
    """Such an action would reset the parameter ModelPackageArn to its default, no model, and delete the endpoint."""
    providers = {action["ActionTypeId"]["Provider"] for action in actions(codepipeline["Delivery"])}
    assert providers == {"CodeStarSourceConnection", "CodeBuild", "Manual"}


def commands(template: JsonObject, stage: str, action: str) -> str:
    (project,) = (
        project
        for project in resources(template, "AWS::CodeBuild::Project").values()
        if project["Description"].endswith(f"/{stage}/{action}")
    )
    phases = json.loads(project["Source"]["BuildSpec"])["phases"]
    return "\n".join(line for phase in phases.values() for line in phase.get("commands", []))


def test_the_steps_run_the_documented_make_targets(codepipeline: Templates) -> None:
    template = codepipeline["Delivery"]
    assert commands(template, "Build", "Test") == "make test PYTEST=--junitxml=tests.xml\nmake synth"
    assert "make deploy ENV=staging" in commands(template, "staging", "Deploy")
    assert "make check ENV=prod" in commands(template, "prod", "Check")
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert f"npm install -g aws-cdk@{version}" in commands(template, "UpdatePipeline", "SelfMutate")
    assert "deploy Delivery " in commands(template, "UpdatePipeline", "SelfMutate")


@pytest.mark.parametrize(
    ("status", "returned", "risk"),
    [(0, 0, "no changes"), (1, 0, "changes"), (2, 0, "DANGEROUS CHANGES"), (3, 1, "")],
)
def test_a_review_fails_only_if_nothing_could_be_compared(
    codepipeline: Templates, tmp_path: Path, status: int, returned: int, risk: str
) -> None:
    """CodeBuild stops at the first failing command and exports the shell's final variables."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" "$AWS_PROFILE"; cat "$AWS_CONFIG_FILE"; exit {status}\n')
    python.chmod(0o755)
    review = commands(codepipeline["Delivery"], "prod", "Review").replace("make install", "true")
    result = subprocess.run(
        ["bash", "-ec", f'{review}\necho "risk $RISK at $REVIEW_URL"'],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "ROLE_ARN": "the-role", "REGION": "mars-1", "CODEBUILD_BUILD_URL": "https://log"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == returned, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        "-m topicsmith diff --base deployed --env prod environment",
        "[profile environment]",
        "role_arn = the-role",
        "credential_source = EcsContainer",
        "region = mars-1",
    ]
    assert lines[5:] == ([] if status == 3 else [f"risk {risk} at https://log"])


def test_approvers_are_notified_with_a_link_to_the_diff(codepipeline: Templates) -> None:
    template = codepipeline["Delivery"]
    (approval,) = (action for action in actions(template) if action["Name"] == "Approve")
    (review,) = (action for action in actions(template) if action["Name"] == "Review")
    configuration = approval["Configuration"]
    variables = f"#{{{review['Namespace']}."
    assert configuration["ExternalEntityLink"] == f"{variables}REVIEW_URL}}"
    assert f"{variables}RISK}}" in configuration["CustomData"]
    (topic,) = resources(template, "AWS::SNS::Topic")
    assert configuration["NotificationArn"] == {"Ref": topic}
    (subscription,) = resources(template, "AWS::SNS::Subscription").values()
    assert (subscription["Endpoint"], subscription["TopicArn"]) == ("topics@acme.org", {"Ref": topic})


def test_the_role_may_use_the_connection_under_its_service_prefix(codepipeline: Templates) -> None:
    """The CDK grants ``codestar-connections``, which IAM treats as a different service from ``codeconnections``."""
    template = codepipeline["Delivery"]
    readers = {
        role["Ref"]
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "codeconnections:UseConnection" in listed(statement["Action"])
        for role in policy["Roles"]
        if statement["Resource"] == CONNECTION
    }
    every = set(resources(template, "AWS::IAM::Role"))
    (updates,) = (name for name in every if "SelfMutation" in name)
    assert readers == every - {updates}


def test_artifacts_are_encrypted_with_the_pipelines_key_and_expire(codepipeline: Templates) -> None:
    template = codepipeline["Delivery"]
    (key,) = resources(template, "AWS::KMS::Key")
    ((bucket, properties),) = resources(template, "AWS::S3::Bucket").items()
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline").values()
    arn = {"Fn::GetAtt": [key, "Arn"]}
    assert pipeline["ArtifactStore"] == {
        "EncryptionKey": {"Id": arn, "Type": "KMS"},
        "Location": {"Ref": bucket},
        "Type": "S3",
    }
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"KMSMasterKeyID": arn, "SSEAlgorithm": "aws:kms"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
    for project in resources(template, "AWS::CodeBuild::Project").values():
        assert project["EncryptionKey"] == arn


def test_only_the_step_that_builds_the_image_is_privileged(codepipeline: Templates) -> None:
    privileged = {
        project["Description"].rpartition("/")[2]: project["Environment"]["PrivilegedMode"]
        for project in resources(codepipeline["Delivery"], "AWS::CodeBuild::Project").values()
    }
    assert {step for step, is_privileged in privileged.items() if is_privileged} == {"Deploy"}


@pytest.mark.usefixtures("github", "codepipeline")
def test_cfn_lint_and_cdk_nag_find_nothing(directory: Path) -> None:
    for report in directory.rglob("validation-report.json"):
        assert json.loads(report.read_text())["pluginReports"] == []
    templates = sorted(directory.rglob("*.template.json"))
    assert len(templates) == 7
    command = [Path(sys.executable).with_name("cfn-lint"), *templates]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


@pytest.mark.parametrize(
    ("delivery", "made"),
    [
        ("", set()),
        ("repository: acme/topics\nenvironments: [dev]\ngithub: {}\n", {"Delivery-dev.template.json"}),
    ],
)
def test_the_app_has_delivery_stacks_if_delivery_yaml_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, delivery: str, made: set[str]
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "dev.yaml").write_text('region: eu-west-1\naccount: "111111111111"\n')
    if delivery:
        (tmp_path / "delivery.yaml").write_text(delivery)
    monkeypatch.setattr(app, "__file__", str(tmp_path / "app.py"))
    monkeypatch.setattr(app, "TopicsmithStage", lambda *_, **__: None)
    monkeypatch.setattr(app, "App", functools.partial(App, outdir=str(tmp_path / "cdk.out")))
    app.main()
    assert {path.name for path in (tmp_path / "cdk.out").glob("*.template.json")} == made


def _text(value: Any) -> str:
    """Return a resource of a statement with made-up names for what it refers to."""
    match value:
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": "AWS::StackId"}:
            return "arn:aws:cloudformation:us-east-1:111111111111:stack/name/id"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_text, parts))
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            kind = "role/x" if "Role" in logical_id or "ActionRole" in logical_id else "x"
            service = next((one for name, one in _SERVICES.items() if name in logical_id), "iam")
            return f"arn:aws:{service}:{'' if service in ('iam', 's3') else 'us-east-1'}:" + (
                ":x" if service == "s3" else f"111111111111:{kind if service == 'iam' else _SHAPES[service]}"
            )
        case {"Ref": _}:
            return "arn:aws:sns:us-east-1:111111111111:x"
    return str(value)


_SERVICES = {"Key": "kms", "Bucket": "s3", "Artifacts": "s3", "Build": "codebuild", "Project": "codebuild"}
_SHAPES = {"kms": "key/x", "codebuild": "project/x"}


@pytest.mark.parametrize("way", ["github", "codepipeline"])
def test_statements_are_as_the_service_authorization_reference(way: str, request: pytest.FixtureRequest) -> None:
    problems = []
    templates: Templates = request.getfixturevalue(way)
    for stack, template in templates.items():
        for logical_id, policy in resources(template, "AWS::IAM::Policy").items():
            for statement in policy["PolicyDocument"]["Statement"]:
                found = [listed(statement[name]) for name in ("Action", "Resource")]
                for pattern in found[0]:
                    known = list(authorization_reference.actions(pattern))
                    problems += [] if known else [(stack, logical_id, pattern, "does not exist")]
                    # The CDK grants the service's former name; its present one is granted beside it.
                    whole = "*" in pattern or pattern == "codestar-connections:UseConnection"
                    for action in [] if whole else known:
                        if not any(action.takes(_text(resource)) for resource in found[1]):
                            problems.append((stack, logical_id, action.name, str(list(map(_text, found[1])))))
                        for keys in statement.get("Condition", {}).values():
                            problems += [(stack, logical_id, action.name, key) for key in keys if not action.knows(key)]
    assert problems == [], "\n".join(map(str, problems))
