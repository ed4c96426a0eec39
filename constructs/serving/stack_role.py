"""Service role with which an approval updates the serving stack."""

from dataclasses import dataclass

from aws_cdk import ArnFormat, DefaultStackSynthesizer, Stack, aws_iam, aws_kms

from constructs import Construct
from constructs.common.grants import grant

_SCALER = "sagemaker.application-autoscaling.amazonaws.com"
_REQUESTED, _EXISTING = "aws:RequestTag/environment", "aws:ResourceTag/environment"
_GENERATED = "CloudFormation generates names of models and endpoint configurations; the tag restricts changes."


@dataclass(frozen=True, kw_only=True)
class ServingStackRoleProps:
    """Properties of the role.

    Attributes:
        environment: Value of the tag ``environment`` on all resources of the environment.
        endpoint_name: Name of the endpoint, with which the names of alarms and stacks of the environment begin.
        model_role: Execution role of the models.
        key: KMS key of the endpoint's volumes.
    """

    environment: str
    endpoint_name: str
    model_role: aws_iam.IRole
    key: aws_kms.IKey


class ServingStackRole(aws_iam.Role):
    """Role that may change what depends on the approved model, and nothing else.

    Whoever may update a stack has the rights of the role with which CloudFormation updates it, since the template is
    part of the request. With this role instead of the administrator's of ``cdk deploy``, the function that deploys
    approved models gains the right to replace models, endpoint configuration, endpoint, scaling and alarms of its
    environment. The permissions are those that the handlers of these resource types list in their schemas. See
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html.
    """

    def __init__(self, scope: Construct, id: str, props: ServingStackRoleProps) -> None:
        super().__init__(
            scope,
            id,
            description="CloudFormation's role for updates of the serving stack to another model",
            assumed_by=aws_iam.ServicePrincipal("cloudformation.amazonaws.com"),
        )
        self._props = props
        self._stack = Stack.of(self)
        self._grant_models()
        self._grant_endpoint()
        self._grant_scaling()
        self._grant_alarms()
        self._grant_references()

    def _grant_models(self) -> None:
        for resource, kind in (("model", "Model"), ("endpoint-config", "EndpointConfig")):
            self._grant_generated(resource, kind)
        grant(
            self,
            actions=["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            resources=[self._sagemaker("endpoint-config", "*")],
            conditions={"StringEquals": {_EXISTING: self._props.environment}},
            wildcard=_GENERATED,
        )
        grant(
            self,
            actions=["iam:PassRole"],
            resources=[self._props.model_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        # SageMaker uses the key of the volumes through a grant that it creates with the caller's permissions: see
        # KmsKeyId in https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html.
        grant(
            self,
            actions=["kms:CreateGrant"],
            resources=[self._props.key.key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
        grant(self, actions=["kms:DescribeKey"], resources=[self._props.key.key_arn])

    def _grant_generated(self, resource: str, kind: str) -> None:
        """Allow creating and deleting resources whose names CloudFormation generates, in place of changing them."""
        environment, arn = self._props.environment, self._sagemaker(resource, "*")
        grant(
            self,
            actions=["sagemaker:AddTags", f"sagemaker:Create{kind}"],
            resources=[arn],
            # An existing resource of another environment cannot be given this environment's tag.
            conditions={"StringEquals": {_REQUESTED: environment}, "StringEqualsIfExists": {_EXISTING: environment}},
            wildcard=_GENERATED,
        )
        grant(
            self,
            actions=[f"sagemaker:Delete{kind}"],
            resources=[arn],
            conditions={"StringEquals": {_EXISTING: environment}},
            wildcard=_GENERATED,
        )
        grant(
            self,
            actions=[f"sagemaker:Describe{kind}", "sagemaker:ListTags"],
            resources=[arn],
            wildcard=_GENERATED,
        )

    def _grant_endpoint(self) -> None:
        grant(
            self,
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteTags",
                "sagemaker:DescribeEndpoint",
                "sagemaker:ListTags",
                "sagemaker:UpdateEndpoint",
                # Application Auto Scaling requires it of whoever registers a variant.
                "sagemaker:UpdateEndpointWeightsAndCapacities",
            ],
            resources=[self._sagemaker("endpoint", self._props.endpoint_name)],
        )

    def _grant_scaling(self) -> None:
        targets = self._arn("application-autoscaling", "scalable-target/*")
        generated = "Application Auto Scaling generates the IDs of scalable targets."
        grant(
            self,
            actions=[
                f"application-autoscaling:{action}"
                for action in (
                    "DeleteScalingPolicy",
                    "DeleteScheduledAction",
                    "DeregisterScalableTarget",
                    "PutScalingPolicy",
                    "PutScheduledAction",
                    "RegisterScalableTarget",
                )
            ],
            resources=[targets],
            conditions={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
            wildcard=generated,
        )
        grant(
            self,
            actions=[
                f"application-autoscaling:{action}"
                for action in ("ListTagsForResource", "TagResource", "UntagResource")
            ],
            resources=[targets],
            wildcard=generated,
        )
        grant(
            self,
            actions=[
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
            ],
            resources=["*"],
            wildcard="These actions know no resources.",
        )
        grant(
            self,
            actions=["iam:CreateServiceLinkedRole"],
            resources=[
                self._stack.format_arn(
                    service="iam",
                    region="",
                    resource="role",
                    resource_name=(
                        f"aws-service-role/{_SCALER}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
                    ),
                )
            ],
            conditions={"StringEquals": {"iam:AWSServiceName": _SCALER}},
        )

    def _grant_alarms(self) -> None:
        name = self._props.endpoint_name
        changes = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
        tags = ["cloudwatch:ListTagsForResource", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
        grant(
            self,
            actions=[*changes, *tags],
            resources=[self._alarm(f"{name}-*")],
            wildcard="All alarms of the environment.",
        )
        grant(
            self,
            actions=changes,
            resources=[self._alarm(f"TargetTracking-endpoint/{name}/*")],
            wildcard="Application Auto Scaling names the alarms of target tracking.",
        )
        grant(
            self,
            actions=["cloudwatch:DescribeAlarms"],
            resources=["*"],
            wildcard="DescribeAlarms must be granted on all alarms for composite ones to be found.",
        )

    def _grant_references(self) -> None:
        """Grant reading what the template refers to: outputs of the environment's stacks, the bootstrap version."""
        grant(
            self,
            actions=["cloudformation:DescribeStacks"],
            resources=[self._arn("cloudformation", f"stack/{self._props.endpoint_name}-*/*")],
            wildcard="CloudFormation generates the IDs of stacks.",
        )
        grant_bootstrap_version(self, self._stack)

    def _sagemaker(self, resource: str, name: str) -> str:
        return self._arn("sagemaker", f"{resource}/{name}")

    def _alarm(self, name: str) -> str:
        return self._stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _arn(self, service: str, resource: str) -> str:
        return self._stack.format_arn(service=service, resource=resource, arn_format=ArnFormat.NO_RESOURCE_NAME)


def grant_bootstrap_version(grantee: aws_iam.IGrantable, stack: Stack) -> None:
    """Allow reading the bootstrap version, a parameter of every CDK stack that each update reads."""
    grant(
        grantee,
        actions=["ssm:GetParameters"],
        resources=[
            stack.format_arn(
                service="ssm",
                resource="parameter",
                resource_name=f"cdk-bootstrap/{_bootstrap_qualifier(stack)}/version",
            )
        ],
    )


def _bootstrap_qualifier(stack: Stack) -> str:
    """Return the qualifier of ``cdk bootstrap``, resolved as a synthesizer does.

    ``stack.synthesizer`` does not provide it: in Python, it is not yet bound to the stack. See
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html.
    """
    qualifier = stack.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
    return str(qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER)
