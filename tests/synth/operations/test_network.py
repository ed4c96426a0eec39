"""Placement of jobs, models and functions in each network mode, and what they can reach."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stage
from aws_cdk.assertions import Match, Template

from stacks.config.environment import EnvironmentConfig
from stacks.network import NetworkStack
from tests.synth.assembly import ROOT, Assembly, JsonObject, context
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.pipeline import arguments_of, as_executed, steps_of
from tests.synth.pipeline.requests import problems

_PRIVATE, _EXISTING, _PUBLIC = "spot", "grid", "builtin"
_SUBNETS = ["subnet-0123456789abcdef0", "subnet-12345678"]
_GROUPS = ["sg-0123456789abcdef0"]
_MODEL = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/topicsmith-test/7"


@pytest.fixture(scope="module")
def private(variants: Path) -> Deployment:
    """An environment with its own VPC."""
    return Deployment(Assembly(variants), _PRIVATE)


@pytest.fixture(scope="module")
def existing(variants: Path) -> Deployment:
    """An environment in existing subnets."""
    return Deployment(Assembly(variants), _EXISTING)


@pytest.fixture(scope="module")
def public(variants: Path) -> Deployment:
    """An environment without a VPC."""
    return Deployment(Assembly(variants), _PUBLIC)


@pytest.fixture(scope="module")
def network(private: Deployment) -> Template:
    """The network stack, with the VPC."""
    return Template.from_json(private.templates[f"{private.name}-network"])


@pytest.fixture(params=[_PRIVATE, _EXISTING])
def placed(request: pytest.FixtureRequest, private: Deployment, existing: Deployment) -> Deployment:
    """Each of the environments in a VPC."""
    return private if request.param == _PRIVATE else existing


def _groups(deployment: Deployment) -> dict[str, JsonObject]:
    """Return the properties of the security groups by logical id."""
    groups = deployment.resources("network", "AWS::EC2::SecurityGroup")
    return {id_: resource["Properties"] for id_, resource in groups.items()}


def _vpc_config(deployment: Deployment) -> JsonObject:
    """Return the subnets and security groups required for an environment's jobs."""
    if deployment.name.endswith(_EXISTING):
        return {"SecurityGroupIds": _GROUPS, "Subnets": _SUBNETS}
    (workloads,) = (
        id_ for id_, one in _groups(deployment).items() if one["GroupDescription"] == "Jobs, models and functions"
    )
    subnets = deployment.resources("network", "AWS::EC2::Subnet")
    return {
        "SecurityGroupIds": [deployment.resolve("network", {"Ref": workloads})],
        "Subnets": [deployment.resolve("network", {"Ref": subnet}) for subnet in subnets],
    }


def _functions(deployment: Deployment) -> dict[str, JsonObject]:
    """Return the project's functions, without the CDK's own one, which empties the bucket outside the VPC."""
    return {
        id_: resource
        for part in ("training", "serving")
        for id_, resource in deployment.resources(part, "AWS::Lambda::Function").items()
    }


def _private_network(**said: Any) -> Template:
    """Return the network stack of an environment with these settings."""
    config = EnvironmentConfig.model_validate({"region": "eu-west-1", "network": {"mode": "private"}, **said})
    app = App(context=context(), builtin_cloud_formation_validation=False)
    stage = Stage(app, "test", env=Environment(account=config.account, region=config.region))
    return Template.from_stack(NetworkStack(stage, "network", name="topicsmith-test", config=config))


def _services(template: Template) -> set[str]:
    """Return the services with interface endpoints in the VPC."""
    found = template.find_resources("AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Interface"}})
    return {one["Properties"]["ServiceName"].removeprefix("com.amazonaws.eu-west-1.") for one in found.values()}


def _ec2_statements(deployment: Deployment, part: str, role: str) -> list[JsonObject]:
    return [
        one for one in deployment.statements(part, role) if any("ec2:" in action for action in _list(one["Action"]))
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_private_network_has_no_route_out(network: Template) -> None:
    types = {resource["Type"] for resource in network.to_json()["Resources"].values()}
    assert types == {
        "AWS::EC2::FlowLog",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
    }
    network.all_resources_properties("AWS::EC2::Subnet", {"MapPublicIpOnLaunch": False})


def test_a_private_network_has_a_subnet_in_each_zone(network: Template) -> None:
    network.has_resource_properties("AWS::EC2::VPC", {"CidrBlock": "10.20.0.0/20"})
    subnets = [one["Properties"] for one in network.find_resources("AWS::EC2::Subnet").values()]
    zones = [{"Fn::Select": [number, {"Fn::GetAZs": "us-east-1"}]} for number in range(3)]
    assert [subnet["AvailabilityZone"] for subnet in subnets] == zones
    assert [subnet["CidrBlock"] for subnet in subnets] == ["10.20.0.0/22", "10.20.4.0/22", "10.20.8.0/22"]
    network.resource_count_is("AWS::EC2::SubnetRouteTableAssociation", 3)


def test_adding_a_zone_moves_no_subnet(network: Template) -> None:
    fewer = _private_network(region="us-east-1", network={"mode": "private", "cidr": "10.20.0.0/20", "zones": 2})
    subnets = {id_: one["Properties"]["CidrBlock"] for id_, one in fewer.find_resources("AWS::EC2::Subnet").items()}
    assert len(subnets) == 2
    three = {id_: one["Properties"]["CidrBlock"] for id_, one in network.find_resources("AWS::EC2::Subnet").items()}
    assert subnets.items() < three.items()


def test_synth_makes_no_lookups_if_the_account_is_known() -> None:
    template = _private_network(account="123456789012")
    template.resource_count_is("AWS::EC2::Subnet", 2)
    template.all_resources_properties(
        "AWS::EC2::Subnet", {"AvailabilityZone": {"Fn::Select": [Match.any_value(), {"Fn::GetAZs": "eu-west-1"}]}}
    )


@pytest.mark.parametrize(
    ("config", "apart"),
    [
        ({}, {"invoke_endpoint"}),
        ({"http_api": {"auth": "iam"}}, set()),
        ({"serving": {"model_package": _MODEL}}, {"invoke_endpoint", "deploy_model", "notify_update"}),
    ],
)
def test_the_network_has_endpoints_of_exactly_the_called_services(config: JsonObject, apart: set[str]) -> None:
    """The called services are found in the sources of functions and containers."""
    called = {
        client
        for folder in [*(ROOT / "lambdas").iterdir(), ROOT / "containers"]
        if folder.name not in apart
        for path in folder.rglob("*.py")
        for client in re.findall(r"\.client\(\s*\"([\w-]+)\"", path.read_text())
    }
    names = {"sagemaker": "sagemaker.api", "sagemaker-runtime": "sagemaker.runtime"}
    template = _private_network(**config)
    assert _services(template) == {names.get(client, client) for client in called - {"s3"}}
    template.has_resource_properties(
        "AWS::EC2::VPCEndpoint",
        {"VpcEndpointType": "Gateway", "ServiceName": {"Fn::Join": ["", Match.array_with([".s3"])]}},
    )


def test_every_route_table_has_a_route_to_s3(network: Template) -> None:
    (gateway,) = network.find_resources(
        "AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Gateway"}}
    ).values()
    tables = [{"Ref": table} for table in network.find_resources("AWS::EC2::RouteTable")]
    assert gateway["Properties"]["RouteTableIds"] == tables


def test_services_are_found_by_their_names_in_every_subnet(network: Template) -> None:
    network.has_resource_properties("AWS::EC2::VPC", {"EnableDnsSupport": True, "EnableDnsHostnames": True})
    subnets = [{"Ref": subnet} for subnet in network.find_resources("AWS::EC2::Subnet")]
    interfaces = network.find_resources("AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Interface"}})
    for interface in interfaces.values():
        assert interface["Properties"]["PrivateDnsEnabled"] is True
        assert interface["Properties"]["SubnetIds"] == subnets


def test_endpoints_let_through_the_requests_of_this_account_only(network: Template) -> None:
    own = {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    network.all_resources_properties(
        "AWS::EC2::VPCEndpoint",
        {"PolicyDocument": {"Statement": [Match.object_like({"Effect": "Allow", "Condition": own})]}},
    )


def test_security_groups_allow_only_workloads_in_and_only_https_out(private: Deployment) -> None:
    groups = {private.resolve("network", {"Ref": id_}): one for id_, one in _groups(private).items()}
    workloads, endpoints = "Jobs, models and functions", "The interfaces of AWS services"
    by_description = {one["GroupDescription"]: one for one in groups.values()}
    assert set(by_description) == {workloads, endpoints}
    assert all("SecurityGroupIngress" not in group for group in groups.values())
    (out,) = by_description[workloads]["SecurityGroupEgress"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)
    (nothing,) = by_description[endpoints]["SecurityGroupEgress"]
    assert nothing["Description"] == "Disallow all traffic"

    def told(rule: JsonObject, *keys: str) -> list[str]:
        return [*(groups[rule[key]]["GroupDescription"] for key in keys), rule["IpProtocol"], rule.get("FromPort")]

    inward = private.resources("network", "AWS::EC2::SecurityGroupIngress").values()
    assert sorted(told(one["Properties"], "SourceSecurityGroupId", "GroupId") for one in inward) == [
        [workloads, workloads, "-1", None],
        [workloads, endpoints, "tcp", 443],
    ]
    (outward,) = private.resources("network", "AWS::EC2::SecurityGroupEgress").values()
    peers = told(outward["Properties"], "GroupId", "DestinationSecurityGroupId")
    assert peers == [workloads, workloads, "-1", None]


def test_all_traffic_of_a_private_network_is_logged(network: Template) -> None:
    (group,) = network.find_resources("AWS::Logs::LogGroup", {"Properties": {"RetentionInDays": 30}})
    network.has_resource_properties(
        "AWS::EC2::FlowLog", {"TrafficType": "ALL", "ResourceType": "VPC", "LogGroupName": {"Ref": group}}
    )


def test_only_a_private_network_has_a_stack(variants: Path) -> None:
    assert Assembly(variants).parts(_PRIVATE) == ["data", "network", "training", "serving"]
    for name in (_EXISTING, _PUBLIC):
        assert Assembly(variants).parts(name) == ["data", "training", "serving"]


def test_every_job_and_every_model_is_in_the_vpc(placed: Deployment) -> None:
    definition, where = placed.pipeline_definition(), _vpc_config(placed)
    assert arguments_of(definition, "Train")["VpcConfig"] == where
    assert arguments_of(definition, "Tune")["TrainingJobDefinition"]["VpcConfig"] == where
    assert arguments_of(definition, "Evaluate")["NetworkConfig"]["VpcConfig"] == where
    assert arguments_of(definition, "CreateModel")["VpcConfig"] == where
    models = placed.resources("serving", "AWS::SageMaker::Model").values()
    assert [model["Properties"]["VpcConfig"] for model in models] == [where] * len(models)
    for step in steps_of(definition):
        if step["Type"] == "Processing":
            request = {"ProcessingJobName": "job", **as_executed(definition, step["Arguments"])}
            assert problems("CreateProcessingJob", request) == []


def test_every_function_is_in_the_vpc(placed: Deployment) -> None:
    where = _vpc_config(placed)
    for function in _functions(placed).values():
        config = function["Properties"]["VpcConfig"]
        assert config == {"SecurityGroupIds": where["SecurityGroupIds"], "SubnetIds": where["Subnets"]}
        request = {"FunctionName": "function", "Role": function["Properties"]["Role"], "Code": {}, "VpcConfig": config}
        assert problems("CreateFunction", request, "lambda") == []
        # Lambda needs the permissions while it creates the function in the VPC.
        assert any("DefaultPolicy" in dependency for dependency in function["DependsOn"])


def test_public_environments_do_not_mention_a_vpc(public: Deployment) -> None:
    templates = json.dumps(list(public.templates.values()))
    assert [word for word in ("VpcConfig", "NetworkConfig", "ec2:", "AWS::EC2") if word in templates] == []


@pytest.mark.parametrize(
    ("part", "role"),
    [
        ("training", "TrainingRole"),
        ("training", "EvaluationRole"),
        ("training", "VectorizationRole"),
        ("serving", "EndpointRole"),
    ],
)
def test_roles_of_jobs_may_create_network_interfaces(placed: Deployment, part: str, role: str) -> None:
    """See https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html."""
    statements = _ec2_statements(placed, part, role)
    actions = {action for one in statements for action in _list(one["Action"]) if action.startswith("ec2:")}
    assert actions == {
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    }
    (creates,) = (one for one in statements if one["Action"] == "ec2:CreateNetworkInterface")
    where = _vpc_config(placed)
    ids = {*where["SecurityGroupIds"], *where["Subnets"], "*"}
    assert {resource.rpartition("/")[2] for resource in creates["Resource"]} == ids


def test_only_the_lambda_service_may_create_network_interfaces(placed: Deployment) -> None:
    """See https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html."""
    for part, role in (("training", "PreprocessingPreprocessRole"), ("serving", "ApprovalDeployRole")):
        statements = _ec2_statements(placed, part, role)
        allowed = {action for one in statements if one["Effect"] == "Allow" for action in _list(one["Action"])}
        (denial,) = (one for one in statements if one["Effect"] == "Deny")
        assert set(denial["Action"]) == allowed
        assert allowed == {
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        }
        assert list(denial["Condition"]) == ["ArnLike"]
        assert denial["Condition"]["ArnLike"]["lambda:SourceFunctionArn"].endswith(":function:*")


def test_traffic_between_hosts_of_a_job_is_encrypted_if_enabled(private: Deployment, existing: Deployment) -> None:
    for deployment, wanted in ((private, True), (existing, None)):
        definition = deployment.pipeline_definition()
        for config in (
            arguments_of(definition, "Train"),
            arguments_of(definition, "Tune")["TrainingJobDefinition"],
            arguments_of(definition, "Evaluate")["NetworkConfig"],
        ):
            assert config.get("EnableInterContainerTrafficEncryption") is wanted


def test_training_and_serving_have_no_network_in_any_mode(private: Deployment, public: Deployment) -> None:
    for deployment in (private, public):
        definition = deployment.pipeline_definition()
        assert arguments_of(definition, "Train")["EnableNetworkIsolation"] is True
        assert arguments_of(definition, "Tune")["TrainingJobDefinition"]["EnableNetworkIsolation"] is True
        assert arguments_of(definition, "CreateModel")["EnableNetworkIsolation"] is True
        models = deployment.resources("serving", "AWS::SageMaker::Model").values()
        assert all(model["Properties"]["EnableNetworkIsolation"] is True for model in models)


def test_the_evaluation_has_network_only_to_list_trials(private: Deployment, variants: Path) -> None:
    tuned = arguments_of(private.pipeline_definition(), "Evaluate")["NetworkConfig"]
    assert "EnableNetworkIsolation" not in tuned
    untuned = Deployment(Assembly(variants), "short")
    assert arguments_of(untuned.pipeline_definition(), "Evaluate")["NetworkConfig"] == {"EnableNetworkIsolation": True}
    asks = "sagemaker:ListTrainingJobsForHyperParameterTuningJob"
    for deployment, may in ((private, True), (untuned, False)):
        statements = deployment.statements("training", "EvaluationRole")
        assert any(asks in _list(one["Action"]) for one in statements) is may
