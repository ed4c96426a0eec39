"""Minimal resolver of CloudFormation's intrinsic functions, with made-up physical ids."""

import json
import zlib
from typing import Any

from tests.synth.assembly import ENVIRONMENTS, Assembly, JsonObject

ACCOUNT = "123456789012"
REGION = "us-east-1"
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_ARNS = {
    "AWS::ECR::Repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
    "AWS::S3::Bucket": "arn:aws:s3:::",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
    "AWS::SageMaker::ModelPackageGroup": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/",
}
# EC2 generates ids with these prefixes.
_IDS = {"AWS::EC2::SecurityGroup": "sg", "AWS::EC2::Subnet": "subnet", "AWS::EC2::VPC": "vpc"}


def _template(assembly: Assembly, environment: str, part: str) -> JsonObject:
    """Return a stack's template, moved to ACCOUNT and REGION if it is one of the project's environments.

    The files of those may name another account.
    """
    if environment not in ENVIRONMENTS:
        return assembly.template(environment, part)
    account, region = assembly.place(environment)
    text = assembly.template_file(environment, part).read_text()
    template = json.loads(text.replace(account, ACCOUNT).replace(region, REGION))
    assert isinstance(template, dict)
    return template


class Deployment:
    """The stacks of one environment, with physical ids derived from logical ids."""

    def __init__(self, assembly: Assembly, environment: str) -> None:
        self.name = f"topicsmith-{environment}"
        self.templates = {
            f"{self.name}-{part}": _template(assembly, environment, part) for part in assembly.parts(environment)
        }

    def resources(self, part: str, type_: str) -> dict[str, JsonObject]:
        """Return the resources of a type by logical id, with resolved properties."""
        stack = f"{self.name}-{part}"
        resources = self.templates[stack]["Resources"]
        return {
            logical_id: {**resource, "Properties": self._resolve(stack, resource["Properties"])}
            for logical_id, resource in resources.items()
            if resource["Type"] == type_
        }

    def resource(self, part: str, type_: str) -> JsonObject:
        """Return the properties of the only resource of a type."""
        (resource,) = self.resources(part, type_).values()
        properties = resource["Properties"]
        assert isinstance(properties, dict)
        return properties

    def pipeline_definition(self) -> JsonObject:
        body = self.resource("training", "AWS::SageMaker::Pipeline")["PipelineDefinition"]["PipelineDefinitionBody"]
        definition = json.loads(body)
        assert isinstance(definition, dict)
        return definition

    def statements(self, part: str, role: str) -> list[JsonObject]:
        """Return the policy statements of the role whose logical id starts with ``role``."""
        return [
            statement
            for policy in self.resources(part, "AWS::IAM::Policy").values()
            if any(name.startswith(role) for name in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    def resolve(self, part: str, value: Any) -> Any:
        """Return a template's value as it would be after deployment."""
        return self._resolve(f"{self.name}-{part}", value)

    def _resolve(self, stack: str, value: Any) -> Any:
        match value:
            case {"Ref": name} if name in _PSEUDO_PARAMETERS:
                return _PSEUDO_PARAMETERS[name]
            case {"Ref": name}:
                return self._name(stack, name)
            case {"Fn::GetAtt": [logical_id, "Arn" | "ModelPackageGroupArn"]}:
                return _ARNS[self.templates[stack]["Resources"][logical_id]["Type"]] + self._name(stack, logical_id)
            case {"Fn::GetAtt": [logical_id, _]}:
                return self._name(stack, logical_id)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self._resolve(stack, part) for part in parts)
            case {"Fn::Sub": str(text)}:
                for name, substitute in _PSEUDO_PARAMETERS.items():
                    text = text.replace(f"${{{name}}}", substitute)
                assert "${" not in text, text
                return text
            case {"Fn::GetStackOutput": {"StackName": producer, "OutputName": output}}:
                return self._resolve(producer, self.templates[producer]["Outputs"][output]["Value"])
            case dict():
                return {key: self._resolve(stack, item) for key, item in value.items()}
            case list():
                return [self._resolve(stack, item) for item in value]
            case _:
                return value

    def _name(self, stack: str, logical_id: str) -> str:
        resource = self.templates[stack]["Resources"].get(logical_id, {})
        properties = resource.get("Properties", {})
        if resource.get("Type") in _IDS:
            return f"{_IDS[resource['Type']]}-{zlib.crc32(logical_id.encode()):08x}"
        for key in ("ModelPackageGroupName", "EndpointName", "RepositoryName"):
            if key in properties:
                return str(properties[key])
        return logical_id.lower() if "Bucket" in logical_id else logical_id
