"""AWS API requests in IAM's terms: the action, the resource's ARN, the roles passed to the service.

Actions and resource types are named as in the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from localcloud.core.policy import account_of

# Signing name → prefix of IAM actions, where the two differ.
_ACTION_PREFIXES = {"monitoring": "cloudwatch"}

# API operations whose IAM action has another name.
_ACTION_NAMES = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeAsync": "lambda:InvokeFunction",
    "s3:ListAllMyBuckets": "s3:ListAllMyBuckets",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}

# Service → request parameter → resource part of the ARN. The first parameter present in the request is used.
_RESOURCES: Mapping[str, Mapping[str, str]] = {
    "sagemaker": {
        "ModelPackageName": "model-package/{}",
        "ModelPackageArn": "{}",
        "ModelPackageGroupName": "model-package-group/{}",
        "TrainingJobName": "training-job/{}",
        "HyperParameterTuningJobName": "hyper-parameter-tuning-job/{}",
        "ProcessingJobName": "processing-job/{}",
        "TransformJobName": "transform-job/{}",
        "PipelineExecutionArn": "pipeline/{}",
        "PipelineName": "pipeline/{}",
        "EndpointName": "endpoint/{}",
        "EndpointConfigName": "endpoint-config/{}",
        "ModelName": "model/{}",
        "ResourceArn": "{}",
    },
    "lambda": {"FunctionName": "function:{}"},
    # A stack's ARN ends in a unique id after the name.
    "cloudformation": {"StackName": "stack/{}/*"},
    "ecr": {"repositoryName": "repository/{}"},
    "ssm": {"Name": "parameter/{}"},
    "iam": {"RoleName": "role/{}", "UserName": "user/{}"},
    "kms": {"KeyId": "key/{}"},
    "sns": {"TopicArn": "{}"},
    "sts": {"RoleArn": "role/{}"},
}
_ON_PACKAGES = ("sagemaker:CreateModelPackage", "sagemaker:ListModelPackages")
_GLOBAL_SERVICES = {"iam", "sts"}

# Service → parameters that pass a role to it (``iam:PassRole``); nested ones as dotted paths.
_PASSED_ROLES: Mapping[str, tuple[str, ...]] = {
    "sagemaker": ("RoleArn", "ExecutionRoleArn", "TrainingJobDefinition.RoleArn"),
    "lambda": ("Role",),
    "cloudformation": ("RoleARN",),
}


@dataclass(frozen=True)
class ApiRequest:
    """One signed request.

    Attributes:
        service: Signing name, for example ``sagemaker``.
        operation: API operation, for example ``CreateTrainingJob``.
        region: Region it was signed for.
        account: The caller's account.
        path: URL path and query.
        parameters: Members of the JSON body, or the query's parameters.
    """

    service: str
    operation: str
    region: str
    account: str
    path: str = "/"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """The IAM action, for example ``lambda:InvokeFunction``."""
        action = f"{_ACTION_PREFIXES.get(self.service, self.service)}:{self.operation}"
        return _ACTION_NAMES.get(action, action)

    @property
    def resource(self) -> str | None:
        """The resource's ARN, or ``None`` if this module cannot determine it."""
        if self.service == "logs" and self.parameters.get("logGroupName"):
            # IAM authorizes all of these operations on a log stream, with an empty name if the request has none. See
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html.
            stream = self.parameters.get("logStreamName", "")
            return self._arn(f"log-group:{self.parameters['logGroupName']}:log-stream:{stream}")
        if self.service == "sqs":
            if self.parameters.get("SourceArn"):
                return str(self.parameters["SourceArn"])
            url = re.fullmatch(r".*/(?P<account>\d{12})/(?P<name>[^/]+)", str(self.parameters.get("QueueUrl")))
            if url:
                return self._arn(url["name"], url["account"])
            return self._arn(self.parameters["QueueName"]) if self.parameters.get("QueueName") else None
        for name, template in _RESOURCES.get(self.service, {}).items():
            value = self.parameters.get(name) or self._from_path(name)
            if value:
                value = str(value)
                return value if value.startswith("arn:") else self._arn(template.format(value.lstrip("/")))
        return None

    @property
    def resources(self) -> list[str | None]:
        """The ARNs of all resources.

        DescribeRepositories may name several, or none for the whole registry. Any version serves for matching the
        policies of operations on the packages of a group.
        """
        if self.action == "ecr:DescribeRepositories":
            return [self._arn(f"repository/{name}") for name in self.parameters.get("repositoryNames") or ["*"]]
        if self.action in _ON_PACKAGES and (group := self.parameters.get("ModelPackageGroupName")):
            name = str(group)
            arn = name if name.startswith("arn:") else self._arn(f"model-package-group/{name}")
            return [f"{arn.replace(':model-package-group/', ':model-package/')}/1", arn]
        return [self.resource]

    @property
    def further_actions(self) -> list[str]:
        """Actions needed besides the operation's own; creating a SageMaker resource with tags needs AddTags."""
        tags = self.service == "sagemaker" and self.operation.startswith("Create") and self.parameters.get("Tags")
        return ["sagemaker:AddTags"] if tags else []

    @property
    def foreign_packages(self) -> list[str]:
        """ARNs of other accounts' model packages that a CreateModel request uses.

        The resource policies of their groups must allow it. See
        https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy.html.
        """
        if self.action != "sagemaker:CreateModel":
            return []
        containers = [self.parameters.get("PrimaryContainer"), *(self.parameters.get("Containers") or [])]
        packages = [str((container or {}).get("ModelPackageName", "")) for container in containers]
        return [package for package in packages if account_of(package) not in (None, self.account)]

    @property
    def passed_roles(self) -> list[str]:
        """ARNs of the roles that the request passes to the service."""
        found = (_at(self.parameters, path) for path in _PASSED_ROLES.get(self.service, ()))
        return [str(role) for role in found if role]

    @property
    def context(self) -> dict[str, str]:
        """Condition keys derived from the request."""
        context = {"aws:requestedregion": self.region}
        if self.action == "cloudwatch:PutMetricData" and self.parameters.get("Namespace"):
            context["cloudwatch:namespace"] = str(self.parameters["Namespace"])
        if self.action == "s3:ListBucket":
            context["s3:prefix"] = str(self.parameters.get("prefix", ""))
        if self.service == "cloudformation":
            keys = ("RoleArn", "RoleARN"), ("TemplateUrl", "TemplateURL"), ("ChangeSetName", "ChangeSetName")
            context |= {
                f"cloudformation:{key.lower()}": str(self.parameters[parameter])
                for key, parameter in keys
                if self.parameters.get(parameter)
            }
        if self.parameters.get("ExternalId"):
            context["sts:externalid"] = str(self.parameters["ExternalId"])
        if self.service == "kms":
            encryption_context = self.parameters.get("EncryptionContext") or {}
            context |= {f"kms:encryptioncontext:{name.lower()}": value for name, value in encryption_context.items()}
        return context

    def _arn(self, resource: str, account: str | None = None) -> str:
        region = "" if self.service in _GLOBAL_SERVICES else self.region
        service = "iam" if self.service == "sts" else self.service
        registry = self.parameters.get("registryId") if self.service == "ecr" else None
        return f"arn:aws:{service}:{region}:{account or registry or self.account}:{resource}"

    def _from_path(self, parameter: str) -> str | None:
        """Return the name from a REST service's path, such as ``/2015-03-31/functions/<name>/invocations``."""
        folder = {"FunctionName": "functions", "EndpointName": "endpoints"}.get(parameter)
        match = re.search(rf"/{folder}/([^/?]+)", self.path) if folder else None
        return unquote(match[1]) if match else None


def _at(parameters: Any, path: str) -> Any:
    for name in path.split("."):
        parameters = parameters.get(name) if isinstance(parameters, Mapping) else None
    return parameters


def parameters_of(query: Mapping[str, Any], body: bytes | str) -> dict[str, Any]:
    """Return a request's parameters: its JSON body if it has one, otherwise the decoded query."""
    try:
        decoded = json.loads(body) if body else None
    except ValueError:
        decoded = None
    if isinstance(decoded, dict):
        return decoded
    return {name: value[0] if isinstance(value, list) and value else value for name, value in query.items()}
