"""What all jobs have in common that a pipeline runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Stack, aws_iam, aws_kms

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import EXECUTION_ID, Json
from constructs.definition.steps import Retry
from constructs.network.job_network import JobNetwork

RUN_TAG = "topicsmith:run"
"""Key of the tag that names the execution which made a resource."""


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What an environment says about all its jobs.

    Attributes:
        key: encrypts what the jobs write and, where the instance allows it, their volumes.
        tags: on each job.
        retry_attempts: how often a job is tried again that SageMaker could not run.
        network: where they are.
    """

    key: aws_kms.IKey
    tags: Mapping[str, str]
    retry_attempts: int
    network: JobNetwork = field(default_factory=JobNetwork)

    @property
    def retries(self) -> Sequence[Retry]:
        """When a job's step is tried again: never because of what the job itself did."""
        service = Retry(exceptions=["Step.SERVICE_FAULT", "Step.THROTTLING"], interval_seconds=5, attempts=3)
        if not self.retry_attempts:
            return (service,)
        platform = ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"]
        return service, Retry(exceptions=platform, interval_seconds=60, attempts=self.retry_attempts)

    @property
    def environment_tags(self) -> Sequence[Json]:
        """The tags that do not say which run."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def run_tags(self) -> Sequence[Json]:
        """The tags of what one run makes."""
        return [*self.environment_tags, {"Key": RUN_TAG, "Value": EXECUTION_ID}]


def grant_jobs(
    grantee: aws_iam.IGrantable, scope: Construct, *, resource: str, actions: Sequence[str], role: aws_iam.IRole
) -> None:
    """Let the grantee, a pipeline's role, make and follow resources that the pipeline names, with a role of theirs.

    Args:
        grantee: the pipeline's role.
        scope: a construct in the stack.
        resource: the kind of resource as ARNs name it, for example ``training-job``.
        actions: each in full.
        role: what the resources run as.
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
    """Let the grantee hand the role to SageMaker."""
    grant(
        grantee,
        actions=["iam:PassRole"],
        resources=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
