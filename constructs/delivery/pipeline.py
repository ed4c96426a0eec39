"""Delivery pipeline (AWS CodePipeline) that deploys each commit to the environments in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Duration, aws_codebuild, aws_iam, aws_sns, aws_sns_subscriptions, pipelines

from constructs import Construct
from constructs.common.grants import grant
from constructs.delivery.artifact_bucket import ArtifactBucket
from constructs.delivery.nag_acknowledgements import (
    acknowledge_actions,
    acknowledge_artifacts,
    acknowledge_project,
    acknowledge_self_mutation,
)
from constructs.delivery.role_names import Work, role_name, step_role_name

# CodeBuild's image has several versions of Python; the project is tested with this one.
_PYTHON = {"version": "0.2", "env": {"shell": "bash"}, "phases": {"install": {"runtime-versions": {"python": "3.11"}}}}
_REPORTS = {"tests": {"files": ["tests.xml"], "file-format": "JUNITXML"}}
# With a profile, the SDKs and the CDK CLI renew the role's credentials for as long as the step takes.
_ASSUME_ROLE = (
    'export AWS_PROFILE=environment AWS_CONFIG_FILE="$(mktemp)"',
    r"printf '[profile environment]\nrole_arn = %s\ncredential_source = EcsContainer\nregion = %s\n'"
    ' "$ROLE_ARN" "$REGION" > "$AWS_CONFIG_FILE"',
)
# A canary or linear update of an endpoint takes most of an hour.
_LONGEST_DEPLOYMENT = Duration.hours(3)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Target environment of the delivery pipeline.

    Attributes:
        environment: Name of the environment.
        account: AWS account.
        region: AWS region.
        needs_approval: Whether each deployment requires a manual approval.
    """

    environment: str
    account: str
    region: str
    needs_approval: bool


@dataclass(frozen=True, kw_only=True)
class DeliveryPipelineProps:
    """Properties of the delivery pipeline.

    Attributes:
        repository: ``owner/name``.
        branch: Branch whose commits are delivered.
        connection_arn: ARN of the connection to the repository.
        destinations: Target environments, in order.
        approvers: Email addresses notified when a change awaits approval.
        cli_version: Version of the CDK CLI with which the pipeline updates itself.
    """

    repository: str
    branch: str
    connection_arn: str
    destinations: Sequence[Destination]
    approvers: Sequence[str]
    cli_version: str


class DeliveryPipeline(Construct):
    """Self-mutating pipeline of CDK Pipelines that tests a commit and deploys it to one environment after the other.

    Stacks are deployed with ``make deploy`` instead of CodePipeline's CloudFormation action, which cannot keep the
    previous value of a parameter. It would reset the served model, which approvals set in the stack, and thereby delete
    the endpoint (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1789).
    """

    def __init__(self, scope: Construct, id: str, props: DeliveryPipelineProps) -> None:
        super().__init__(scope, id)
        self._artifacts = ArtifactBucket(self, "Artifacts")
        self._connection_arn = props.connection_arn
        self._source = pipelines.CodePipelineSource.connection(
            props.repository,
            props.branch,
            connection_arn=props.connection_arn,
            # A clone preserves what an archive loses, such as the executable bits of the image's programs.
            code_build_clone_output=True,
        )
        approvals = self._build_approvals(props.approvers) if props.approvers else None
        test = self._test_and_synthesize()
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            synth=test,
            artifact_bucket=self._artifacts.bucket,
            cli_version=props.cli_version,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=aws_codebuild.BuildEnvironment(
                    build_image=aws_codebuild.LinuxBuildImage.STANDARD_7_0,
                    compute_type=aws_codebuild.ComputeType.MEDIUM,
                )
            ),
            use_pipeline_role_for_actions=True,
        )
        delivered = [list(self._steps(destination, approvals)) for destination in props.destinations]
        for destination, steps in zip(props.destinations, delivered, strict=True):
            pipeline.add_wave(destination.environment, post=pipelines.Step.sequence(steps))
        pipeline.build_pipeline()
        self._grant_connection(pipeline.pipeline.role)
        self._grant_connection(test.project)
        built = [test, *(step for steps in delivered for step in steps)]
        projects = [step.project for step in built if isinstance(step, pipelines.CodeBuildStep)]
        self._acknowledge(pipeline, [pipeline.self_mutation_project, *projects])

    def _acknowledge(self, pipeline: pipelines.CodePipeline, projects: Sequence[aws_codebuild.IProject]) -> None:
        acknowledge_actions(self)
        acknowledge_artifacts(pipeline.pipeline.role, self._artifacts.bucket)
        acknowledge_self_mutation(pipeline.self_mutation_project)
        for project in projects:
            acknowledge_artifacts(project, self._artifacts.bucket)
            acknowledge_project(project)

    def _grant_connection(self, grantee: aws_iam.IGrantable) -> None:
        """Allow use of the connection to the repository.

        CDK grants it under the service's former name, which does not match newer connections. See
        https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html.
        """
        _, _, service, *_ = self._connection_arn.split(":")
        grant(grantee, actions=[f"{service}:UseConnection"], resources=[self._connection_arn])

    def _test_and_synthesize(self) -> pipelines.CodeBuildStep:
        return pipelines.CodeBuildStep(
            "Test",
            input=self._source,
            commands=["make test PYTEST=--junitxml=tests.xml", "make synth"],
            primary_output_directory="cdk.out",
            partial_build_spec=aws_codebuild.BuildSpec.from_object({**_PYTHON, "reports": _REPORTS}),
        )

    def _build_approvals(self, approvers: Sequence[str]) -> aws_sns.Topic:
        topic = aws_sns.Topic(
            self, "Approvals", display_name="Topicsmith", master_key=self._artifacts.key, enforce_ssl=True
        )
        for approver in approvers:
            topic.add_subscription(aws_sns_subscriptions.EmailSubscription(approver))
        return topic

    def _steps(self, destination: Destination, approvals: aws_sns.ITopic | None) -> Iterator[pipelines.Step]:
        reviewer = self._build_step_role(destination, "review")
        if destination.needs_approval:
            review = self._review(destination, reviewer)
            risk, url = review.exported_variable("RISK"), review.exported_variable("REVIEW_URL")
            yield review
            yield pipelines.ManualApprovalStep(
                "Approve",
                comment=f"{destination.environment}: {risk}. Review the diff, most dangerous changes first: {url}",
                review_url=url,
                notification_topic=approvals,
            )
        yield self._deployment(destination)
        yield self._step("Check", reviewer, [f"make check ENV={destination.environment}"])

    def _review(self, destination: Destination, reviewer: "_StepRole") -> pipelines.CodeBuildStep:
        compare = f".venv/bin/python -m topicsmith diff --base deployed --env {destination.environment}"
        commands = [
            "make install",
            # 0: no changes, 1: changes, 2: dangerous changes, all left to the approver. 3: the comparison failed.
            f"status=0; {compare} || status=$?",
            'test "$status" -le 2',
            'risks=("no changes" "changes" "DANGEROUS CHANGES")',
            'export RISK="${risks[$status]}" REVIEW_URL="$CODEBUILD_BUILD_URL"',
        ]
        return self._step("Review", reviewer, commands)

    def _deployment(self, destination: Destination) -> pipelines.CodeBuildStep:
        return self._step(
            "Deploy",
            self._build_step_role(destination, "deploy"),
            # The approver has already reviewed the diff.
            ["export CDK_REQUIRE_APPROVAL=never", f"make deploy ENV={destination.environment}"],
            # Docker builds the image in containers/ntm.
            build_environment=aws_codebuild.BuildEnvironment(privileged=True),
            timeout=_LONGEST_DEPLOYMENT,
        )

    def _step(
        self,
        id: str,
        step_role: "_StepRole",
        commands: Sequence[str],
        build_environment: aws_codebuild.BuildEnvironment | None = None,
        timeout: Duration | None = None,
    ) -> pipelines.CodeBuildStep:
        return pipelines.CodeBuildStep(
            id,
            input=self._source,
            commands=[*_ASSUME_ROLE, *commands],
            env={"ROLE_ARN": step_role.assumes, "REGION": step_role.region},
            role=step_role.role,
            partial_build_spec=aws_codebuild.BuildSpec.from_object(_PYTHON),
            build_environment=build_environment,
            timeout=timeout,
        )

    def _build_step_role(self, destination: Destination, work: Work) -> "_StepRole":
        """Build a role for steps that may only assume the matching role in the environment's account."""
        name = destination.environment
        role = aws_iam.Role(
            self,
            f"{name}-{work}",
            role_name=step_role_name(name, work),
            description=f"Runs steps that {work} environment {name}",
            assumed_by=aws_iam.ServicePrincipal("codebuild.amazonaws.com"),
        )
        assumes = f"arn:{Aws.PARTITION}:iam::{destination.account}:role/{role_name(name, work)}"
        grant(role, actions=["sts:AssumeRole"], resources=[assumes])
        self._grant_connection(role)
        return _StepRole(role=role, assumes=assumes, region=destination.region)


@dataclass(frozen=True, kw_only=True)
class _StepRole:
    """Role of steps that work on an environment.

    Attributes:
        role: Role of the CodeBuild project.
        assumes: ARN of the role to assume in the environment's account.
        region: Region of the environment.
    """

    role: aws_iam.IRole
    assumes: str
    region: str
