"""Model registry of an environment."""

from collections.abc import Mapping, Sequence

from aws_cdk import RemovalPolicy, Stack, aws_iam, aws_sagemaker

from constructs import Construct
from constructs.common.grants import grant
from constructs.common.removal import removal_of_named
from constructs.definition.expressions import EXECUTION_ARN, Json
from constructs.definition.steps import RegisterModelStep
from constructs.pipeline.algorithm import NtmAlgorithm


class ModelRegistry(Construct):
    """Model package group, and the pipeline step that registers models in it.

    Attributes:
        name: Name of the group.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, algorithm: NtmAlgorithm, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, id)
        self.name = name
        self._algorithm = algorithm
        self._group = aws_sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=name,
            model_package_group_description="Topic models and the runs that made them",
        )
        self._group.apply_removal_policy(removal_of_named(removal_policy))

    def share(self, accounts: Sequence[str]) -> None:
        """Allow other accounts to read the group's versions and to create models from them.

        See https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html.
        """
        if not accounts:
            return
        principals = [aws_iam.AccountPrincipal(account) for account in accounts]
        self._group.model_package_group_policy = aws_iam.PolicyDocument(
            statements=[
                aws_iam.PolicyStatement(
                    principals=principals,
                    actions=["sagemaker:DescribeModelPackageGroup"],
                    # A resource cannot reference itself.
                    resources=[self._arn("model-package-group", self.name)],
                ),
                aws_iam.PolicyStatement(
                    principals=principals,
                    actions=["sagemaker:CreateModel", "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
                    resources=[self._arn("model-package", f"{self.name}/*")],
                ),
            ]
        )

    def step(
        self,
        *,
        model_data: Json,
        transform_instance_types: Sequence[str],
        realtime_instance_types: Sequence[str],
        metrics_uri: Json,
        report_uri: Json,
        code_version: str,
        properties: Mapping[str, Json],
    ) -> RegisterModelStep:
        """Return the step that registers a model as pending manual approval.

        Args:
            model_data: S3 URI of the ``model.tar.gz``.
            transform_instance_types: Supported instance types for batch transform.
            realtime_instance_types: Supported instance types for endpoints.
            metrics_uri: S3 URI of ``evaluation.json``.
            report_uri: S3 URI of the report.
            code_version: Version of the training and evaluation code.
            properties: Origin and metrics of the model, as strings by name.
        """
        return RegisterModelStep(
            name="Register",
            arguments={
                "ModelPackageGroupName": self.name,
                "ModelApprovalStatus": "PendingManualApproval",
                "InferenceSpecification": {
                    "Containers": [{"Image": self._algorithm.serving_image, "ModelDataUrl": model_data}],
                    "SupportedContentTypes": [
                        "text/csv",
                        "application/json",
                        "application/jsonlines",
                        "application/x-recordio-protobuf",
                        *(["text/plain"] if self._algorithm.name == "container" else []),
                    ],
                    "SupportedResponseMIMETypes": ["application/json", "application/jsonlines"],
                    "SupportedTransformInstanceTypes": transform_instance_types,
                    "SupportedRealtimeInferenceInstanceTypes": realtime_instance_types,
                },
                "ModelMetrics": {
                    "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": metrics_uri}},
                    "Explainability": {"Report": {"ContentType": "text/html", "S3Uri": report_uri}},
                },
                "MetadataProperties": {"CommitId": code_version, "GeneratedBy": EXECUTION_ARN},
                "CustomerMetadataProperties": properties,
            },
        )

    def grant_register(self, grantee: aws_iam.IGrantable) -> None:
        """Allow a pipeline's role to register models in the group."""
        grant(
            grantee,
            actions=["sagemaker:AddTags", "sagemaker:CreateModelPackage"],
            resources=[self._group.attr_model_package_group_arn, self._arn("model-package", f"{self.name}/*")],
            wildcard="The registry numbers the versions of the group.",
        )
        grant(
            grantee,
            actions=["sagemaker:DescribeModelPackage"],
            resources=[self._arn("model-package", f"{self.name}/*")],
            wildcard="The registry numbers the versions of the group.",
        )
        self._algorithm.grant_describe(grantee)

    def _arn(self, resource: str, resource_name: str) -> str:
        return Stack.of(self).format_arn(service="sagemaker", resource=resource, resource_name=resource_name)
