"""Parameters and rules of templates: what CloudFormation refuses before it touches a resource."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import SmallCloud, wait_for


def _template(**parameters: Any) -> dict[str, Any]:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "x"}}
    return {"Parameters": parameters, "Resources": {"Topic": topic}}


def _create(cloud: SmallCloud, template: dict[str, Any], **values: str) -> str:
    name = f"parameters-{uuid.uuid4().hex[:8]}"
    cloud.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    )
    return name


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "ab1", r"Parameter 'P' must match pattern \[a-z\]\+"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "letters only."},
            "1",
            "Parameter P failed to satisfy constraint: letters only.",
        ),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "MinLength": 3}, "ab", "Parameter 'P' must contain at least 3 characters"),
        ({"Type": "String", "MaxLength": "1"}, "ab", "Parameter 'P' must contain at most 1 characters"),
        ({"Type": "Number"}, "many", "Parameter 'P' must be a number."),
        ({"Type": "Number", "MinValue": 1}, "nan", "Parameter 'P' must be a number."),
        ({"Type": "Number"}, "1_000", "Parameter 'P' must be a number."),
        ({"Type": "List<AWS::EC2::Subnet::Id>", "AllowedPattern": "subnet-.+"}, "subnet-1,x", "must match pattern"),
        ({"Type": "Number", "MinValue": 2}, "1", "Parameter 'P' must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, "3.5", "Parameter 'P' must be a number not greater than 2"),
        ({"Type": "List<Number>"}, "1,x", "Parameter 'P' must be a number."),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "a, c", "must be one of AllowedValues"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/missing", r"Unable to fetch parameters \[/missing\]"),
    ],
)
def test_a_value_that_breaks_a_constraint_is_refused(
    cloud: SmallCloud, declared: dict[str, Any], value: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        _create(cloud, _template(P=declared), P=value)


def test_missing_and_unknown_parameters_are_refused(cloud: SmallCloud) -> None:
    template = _template(P={"Type": "String"}, Q={"Type": "String", "Default": "q"}, R={"Type": "String"})
    with pytest.raises(ClientError, match=r"Parameters: \[P, R\] must have values"):
        _create(cloud, template)
    with pytest.raises(ClientError, match=r"Parameters: \[S\] do not exist in the template"):
        _create(cloud, template, P="p", R="r", S="s")


def test_values_of_an_update_and_of_a_change_set_are_checked(cloud: SmallCloud) -> None:
    client, template = cloud.client("cloudformation"), _template(P={"Type": "String", "AllowedPattern": "[a-z]*"})
    name = _create(cloud, template, P="a")
    wait_for(lambda: client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    request = {"StackName": name, "UsePreviousTemplate": True}
    wrong = [{"ParameterKey": "P", "ParameterValue": "1"}]
    with pytest.raises(ClientError, match="must match pattern"):
        client.update_stack(**request, Parameters=wrong)
    with pytest.raises(ClientError, match="must match pattern"):
        client.create_change_set(**request, ChangeSetName="x", ChangeSetType="UPDATE", Parameters=wrong)
    stricter = json.dumps(_template(P={"Type": "String", "AllowedPattern": "[b-z]*"}))
    kept = [{"ParameterKey": "P", "UsePreviousValue": True}]
    with pytest.raises(ClientError, match="must match pattern"):
        client.update_stack(StackName=name, TemplateBody=stricter, Parameters=kept)
    with pytest.raises(ClientError, match="not in the previous template"):
        client.update_stack(**request, Parameters=[{"ParameterKey": "Q", "UsePreviousValue": True}])
    client.delete_stack(StackName=name)


@pytest.mark.parametrize("version", ["5", "21"])
def test_rules_are_evaluated(cloud: SmallCloud, version: str) -> None:
    """The rule is that of the CDK on the version of the bootstrap stack."""
    parameter = f"/bootstrap/{uuid.uuid4().hex[:8]}"
    cloud.client("ssm").put_parameter(Name=parameter, Value=version, Type="String")
    template = _template(Version={"Type": "AWS::SSM::Parameter::Value<String>", "Default": parameter})
    old = {"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "Version"}]}
    assertion = {"Assert": {"Fn::Not": [old]}, "AssertDescription": "Bootstrap stack version 6 required."}
    template["Rules"] = {"CheckBootstrapVersion": {"Assertions": [assertion]}}
    if version == "5":
        with pytest.raises(ClientError, match="Bootstrap stack version 6 required"):
            _create(cloud, template)
    else:
        cloud.client("cloudformation").delete_stack(StackName=_create(cloud, template))
