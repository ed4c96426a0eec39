"""Acknowledged cdk-nag findings about the permissions that CDK Pipelines grants."""

from aws_cdk import Acknowledgment, ArnFormat, Stack, Validations, aws_codebuild, aws_iam, aws_s3

from constructs import Construct
from constructs.common.grants import acknowledge_wildcards

_READ_AND_WRITE = (
    "s3:Abort*",
    "s3:DeleteObject*",
    "s3:GetBucket*",
    "s3:GetObject*",
    "s3:List*",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
)


def acknowledge_actions(pipeline: Construct) -> None:
    """Acknowledge the wildcard actions in CDK's grants on artifacts."""
    reason = "CDK's grant for artifacts, on the pipeline's own bucket and key only."
    Validations.of(pipeline).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions-IAM5[Action::{action}]", reason=reason) for action in _READ_AND_WRITE)
    )


def acknowledge_artifacts(grantee: aws_iam.IGrantable, bucket: aws_s3.IBucket) -> None:
    """Acknowledge access to all artifacts."""
    acknowledge_wildcards(grantee, [bucket.arn_for_objects("*")], "CodePipeline makes up the keys of artifacts.")


def acknowledge_project(project: aws_codebuild.IProject) -> None:
    """Acknowledge access to all log streams and reports of a build project."""
    stack = Stack.of(project)
    log_group = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"/aws/codebuild/{project.project_name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    reports = stack.format_arn(service="codebuild", resource="report-group", resource_name=f"{project.project_name}-*")
    acknowledge_wildcards(
        project, [f"{log_group}:*", reports], "CodeBuild names the logs and the reports of a build after it."
    )


def acknowledge_self_mutation(project: aws_codebuild.IProject) -> None:
    """Acknowledge the permissions of the self-mutation step, which runs ``cdk deploy``."""
    roles = f"arn:*:iam::{Stack.of(project).account}:role/*"
    acknowledge_wildcards(
        project, [roles], "CDK's grant; its condition leaves the roles of cdk bootstrap, by their tag."
    )
    acknowledge_wildcards(
        project, ["*"], "CDK's grant for cdk deploy: to look at stacks, and whether the bootstrap bucket is there."
    )
