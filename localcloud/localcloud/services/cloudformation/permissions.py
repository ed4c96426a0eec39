"""Permissions that CloudFormation needs for a resource, which the stack's role or the caller must have.

The schema of each type lists the permissions of its handlers
(https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html). All of those in the type's
own service are required here, although a handler may not use each of them for every resource.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from moto.sagemaker.models import sagemaker_backends

from localcloud.authorization.enforcement import NotAuthorized, require_all
from localcloud.authorization.principal import Principal
from localcloud.authorization.s3_objects import Permission
from localcloud.core.errors import LocalCloudError
from localcloud.core.resource_model import CUSTOM_RESOURCES
from localcloud.services.cloudformation.schemas import schema

_PREFIXES = {"applicationautoscaling": "application-autoscaling", "apigatewayv2": "apigateway"}
_ROLE_PROPERTIES = ("ExecutionRoleArn", "Role", "RoleArn", "RoleARN")
# Types that a role of less than an administrator's rights may handle, with the property that names a resource and the
# form of its ARN. For others, its policies must allow an action on all resources.
_ARNS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("", "scalable-target/generated"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("", "scalable-target/generated"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "alarm:{}"),
    "AWS::SageMaker::Endpoint": ("EndpointName", "endpoint/{}"),
    "AWS::SageMaker::EndpointConfig": ("EndpointConfigName", "endpoint-config/{}"),
    "AWS::SageMaker::Model": ("ModelName", "model/{}"),
}
_SCALABLE_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"


class HandlerDenied(LocalCloudError):
    """The stack's role, or the caller, lacks a permission that a resource needs."""

    def __init__(self, denial: NotAuthorized):
        super().__init__(f'Resource handler returned message: "{denial.message}" (HandlerErrorCode: AccessDenied)')


@dataclass(frozen=True)
class HandledResource:
    """A resource that CloudFormation creates, updates or deletes.

    Attributes:
        type: For example ``AWS::SageMaker::Model``.
        name: Its physical ID; before it is created, the name that it will have unless its properties give one.
        properties: Its resolved properties.
        account: Account of the stack.
        region: Region of the stack.
        before: Its properties before an update.
    """

    type: str
    name: str
    properties: Mapping[str, Any]
    account: str
    region: str
    before: Mapping[str, Any] | None = None

    @property
    def service(self) -> str:
        """Prefix of its service's IAM actions."""
        segment = self.type.split("::")[1].lower()
        return _PREFIXES.get(segment, segment)

    @property
    def arn(self) -> str:
        """Its ARN, or ``*`` if this module does not know the form of its type's ARNs."""
        if self.type not in _ARNS:
            return "*"
        named_by, form = _ARNS[self.type]
        name = str(self.properties.get(named_by) or self.name)
        return name if name.startswith("arn:") else self.arn_of(self.service, form.format(name))

    def arn_of(self, service: str, resource: str) -> str:
        """Return an ARN in the account and region of the stack."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def permissions(self, handler: str) -> Iterator[Permission]:
        """Yield the permissions that a handler needs: ``create``, ``update`` or ``delete``."""
        if self.type.startswith((CUSTOM_RESOURCES, "AWS::CloudFormation::CustomResource")):
            yield Permission("lambda:InvokeFunction", str(self.properties.get("ServiceToken")))
            return
        known = schema(self.type, self.region)
        handlers = known.document.get("handlers", {}) if known else {}
        listed = [action for part in (handler, "read") for action in handlers.get(part, {}).get("permissions", [])]
        for action in dict.fromkeys(listed):
            if action.startswith(f"{self.service}:"):
                for resource in self._resources(action):
                    yield Permission(action, resource, self._context(handler, resource))
        if handler != "delete":
            yield from self._further()

    def _resources(self, action: str) -> list[str]:
        if not _takes_resource(action):
            return ["*"]
        if action in ("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"):
            config = str(self.properties.get("EndpointConfigName"))
            return [
                self.arn,
                config if config.startswith("arn:") else self.arn_of("sagemaker", f"endpoint-config/{config}"),
            ]
        return [self.arn]

    def _context(self, handler: str, resource: str) -> dict[str, str]:
        requested = {} if handler == "delete" else _tags(self.properties)
        existing = {} if handler == "create" else _tags(self.before if self.before is not None else self.properties)
        if resource != self.arn:
            existing = _config_tags(resource, self.account, self.region)
        context = {f"aws:requesttag/{key.lower()}": value for key, value in requested.items()}
        context |= {f"aws:resourcetag/{key.lower()}": value for key, value in existing.items()}
        if self.service == "application-autoscaling":
            target = str(self.properties.get("ScalingTargetId", "")).split("|")
            namespace = self.properties.get("ServiceNamespace") or target[-1]
            dimension = self.properties.get("ScalableDimension") or target[max(len(target) - 2, 0)]
            context["application-autoscaling:service-namespace"] = str(namespace)
            context["application-autoscaling:scalable-dimension"] = str(dimension)
        return context

    def _further(self) -> Iterator[Permission]:
        """Yield permissions in other services: on roles, on keys and, for autoscaling, on what it scales."""
        for name in _ROLE_PROPERTIES:
            if role := self.properties.get(name):
                yield Permission("iam:PassRole", str(role), {"iam:passedtoservice": f"{self.service}.amazonaws.com"})
        if self.type == "AWS::SageMaker::EndpointConfig" and (key := self.properties.get("KmsKeyId")):
            # The key must allow the caller of CreateEndpoint and UpdateEndpoint, for whom SageMaker creates a grant:
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html.
            via = {"kms:viaservice": f"sagemaker.{self.region}.amazonaws.com", "kms:grantisforawsresource": "true"}
            yield Permission("kms:DescribeKey", str(key))
            yield Permission("kms:CreateGrant", str(key), via)
        if self.type == _SCALABLE_TARGET and self.properties.get("ServiceNamespace") == "sagemaker":
            # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
            endpoint = str(self.properties.get("ResourceId", "")).split("/variant/")[0]
            scaled = self.arn_of("sagemaker", endpoint)
            for action in ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"):
                yield Permission(f"sagemaker:{action}", scaled)
            alarms = self.arn_of("cloudwatch", f"alarm:TargetTracking-{self.properties.get('ResourceId')}-AlarmHigh")
            for action in ("PutMetricAlarm", "DeleteAlarms"):
                yield Permission(f"cloudwatch:{action}", alarms)
            yield Permission("cloudwatch:DescribeAlarms", "*")
            scaler = "sagemaker.application-autoscaling.amazonaws.com"
            role = f"aws-service-role/{scaler}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            yield Permission(
                "iam:CreateServiceLinkedRole",
                f"arn:aws:iam::{self.account}:role/{role}",
                {"iam:awsservicename": scaler},
            )


def require_stack_output(actor: Principal, account: str, region: str, wanted: Mapping[str, str]) -> None:
    """Require that a principal may read the stack of a ``Fn::GetStackOutput``.

    See
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html.

    Raises:
        NotAuthorized: It may not.
    """
    where = wanted.get("Region", region)
    stack = f"arn:aws:cloudformation:{where}:{account}:stack/{wanted['StackName']}/*"
    require_all(actor, [Permission("cloudformation:DescribeStacks", stack)], region=where)


def require_parameters(actor: Principal, account: str, region: str, template: Mapping[str, Any]) -> None:
    """Require that a principal may read the parameters of Systems Manager that a template's own name by default.

    See
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html.

    Raises:
        NotAuthorized: It may not.
    """
    names = [
        str(parameter["Default"]).lstrip("/")
        for parameter in template.get("Parameters", {}).values()
        if str(parameter.get("Type")).startswith("AWS::SSM::Parameter::Value") and parameter.get("Default")
    ]
    parameters = [f"arn:aws:ssm:{region}:{account}:parameter/{name}" for name in names]
    require_all(actor, [Permission("ssm:GetParameters", parameter) for parameter in parameters], region=region)


def require_permissions(actor: Principal, handler: str, resource: HandledResource) -> None:
    """Require that a principal may handle a resource.

    Args:
        actor: The session of the stack's role, or the caller of a stack without one.
        handler: ``create``, ``update`` or ``delete``.
        resource: The resource.

    Raises:
        HandlerDenied: A permission is missing.
    """
    try:
        require_all(actor, resource.permissions(handler), region=resource.region)
    except NotAuthorized as denial:
        raise HandlerDenied(denial) from denial


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    tags = properties.get("Tags")
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or [] if isinstance(tag, Mapping) and "Value" in tag}


def _config_tags(arn: str, account: str, region: str) -> dict[str, str]:
    """Return the tags of an endpoint configuration."""
    configs = sagemaker_backends[account][region].endpoint_configs
    found = configs.get(arn.rpartition("/")[2])
    return _tags({"Tags": found.tags}) if found else {}


def _takes_resource(action: str) -> bool:
    """Return whether IAM authorizes an action on single resources."""
    service, _, name = action.partition(":")
    return bool(_actions(service).get(name.lower(), {}).get("Resources")) and action not in _ON_ALL


# "To use this operation and return information about composite alarms, you must be signed on with the
# cloudwatch:DescribeAlarms permission that is scoped to *": API reference of DescribeAlarms.
_ON_ALL = ("cloudwatch:DescribeAlarms",)


@cache
def _actions(service: str) -> Mapping[str, Any]:
    """Return a service's actions in the Service Authorization Reference, which cfn-lint ships."""
    found: Mapping[str, Any] = _reference().get(service, {}).get("Actions", {})
    return found


@cache
def _reference() -> Mapping[str, Any]:
    spec = find_spec("cfnlint")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "data" / "AdditionalSpecs" / "Policies.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
