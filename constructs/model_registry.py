"""The registry of an environment's models."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy, Stack, aws_iam, aws_sagemaker

from constructs import Construct
from constructs.grants import grant
from constructs.ntm_image import NtmImage
from constructs.pipeline_steps import Json, RegisterModelStep


class ModelRegistry(Construct):
    """A model package group, and the pipeline's step that registers a model in it.

    Attributes:
        name: the group's name.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, image: NtmImage, removal_policy: RemovalPolicy) -> None:
        super().__init__(scope, id)
        self.name = name
        self._image = image
        self._group = aws_sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=name,
            model_package_group_description="Topic models and the runs that made them",
        )
        self._group.apply_removal_policy(removal_policy)

    def step(self, *, model_data: Json, properties: Mapping[str, Json]) -> RegisterModelStep:
        """Return the step that registers a model, to be approved by a person.

        Args:
            model_data: S3 URI of its ``model.tar.gz``.
            properties: where it comes from, as text by name.
        """
        return RegisterModelStep(
            name="Register",
            arguments={
                "ModelPackageGroupName": self.name,
                "ModelApprovalStatus": "PendingManualApproval",
                "InferenceSpecification": {
                    "Containers": [{"Image": self._image.uri, "ModelDataUrl": model_data}],
                    "SupportedContentTypes": ["text/csv", "application/json", "text/plain"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                "CustomerMetadataProperties": properties,
            },
        )

    def grant_register(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee, a pipeline's role, register models in the group."""
        versions = Stack.of(self).format_arn(
            service="sagemaker", resource="model-package", resource_name=f"{self.name}/*"
        )
        grant(
            grantee,
            actions=["sagemaker:AddTags", "sagemaker:CreateModelPackage"],
            resources=[self._group.attr_model_package_group_arn, versions],
            wildcard="The registry numbers the versions of the group.",
        )
        self._image.grant_describe(grantee)
