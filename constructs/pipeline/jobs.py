"""Settings and permissions shared by all jobs of the pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Stack, aws_iam, aws_kms

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import EXECUTION_ID, Json
from constructs.definition.steps import Retry
from constructs.network.job_network import JobNetwork

RUN_TAG = "topicsmith:run"
"""Key of the tag with the ID of the execution that created a resource."""


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Settings shared by all jobs of an environment.

    Attributes:
        key: KMS key of outputs and, if the instance supports it, of volumes.
        tags: Tags of each job.
        retry_attempts: Maximum number of retries after platform errors.
        network: Network settings.
    """

    key: aws_kms.IKey
    tags: Mapping[str, str]
    retry_attempts: int
    network: JobNetwork = field(default_factory=JobNetwork)

    @property
    def retries(self) -> Sequence[Retry]:
        """Retry policies for platform errors; a job that fails by itself is never retried."""
        if not self.retry_attempts:
            return ()
        # Policies for Step.SERVICE_FAULT and Step.THROTTLING would replace those that SageMaker has for every step.
        platform = ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"]
        return (Retry(exceptions=platform, interval_seconds=60, attempts=self.retry_attempts),)

    @property
    def environment_tags(self) -> Sequence[Json]:
        """Tags of the environment."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def run_tags(self) -> Sequence[Json]:
        """Tags of resources created by a run."""
        return [*self.environment_tags, {"Key": RUN_TAG, "Value": EXECUTION_ID}]


def grant_jobs(
    grantee: aws_iam.IGrantable, scope: Construct, *, resource: str, actions: Sequence[str], role: aws_iam.IRole
) -> None:
    """Allow a pipeline's role to manage resources that the pipeline names.

    Args:
        grantee: Role of the pipeline.
        scope: A construct in the stack.
        resource: Resource type in ARNs, for example ``training-job``.
        actions: Full names of the actions.
        role: Execution role of the resources.
    """
    names = Stack.of(scope).format_arn(service="sagemaker", resource=resource, resource_name="pipelines-*")
    grant(
        grantee,
        actions=["sagemaker:AddTags", *actions],
        resources=[names],
        wildcard="A pipeline makes the names of its jobs, each with this prefix.",
    )
    grant_pass(grantee, role)


def grant_pass(grantee: aws_iam.IGrantable, role: aws_iam.IRole) -> None:
    """Allow passing the role to SageMaker."""
    grant(
        grantee,
        actions=["iam:PassRole"],
        resources=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
