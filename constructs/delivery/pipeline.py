"""The pipeline that brings each commit to the environments, one after the other."""

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

# CodeBuild's image has several versions of Python; this is the one that the project is tested with.
_PYTHON = {"version": "0.2", "env": {"shell": "bash"}, "phases": {"install": {"runtime-versions": {"python": "3.11"}}}}
_REPORTS = {"tests": {"files": ["tests.xml"], "file-format": "JUNITXML"}}
# The SDKs and the CDK CLI then renew the credentials of the environment's role for as long as the step takes.
_ASSUME_ROLE = (
    'export AWS_PROFILE=environment AWS_CONFIG_FILE="$(mktemp)"',
    r"printf '[profile environment]\nrole_arn = %s\ncredential_source = EcsContainer\nregion = %s\n'"
    ' "$ROLE_ARN" "$REGION" > "$AWS_CONFIG_FILE"',
)
# An update of an endpoint that proves itself on part of the requests takes most of an hour.
_LONGEST_DEPLOYMENT = Duration.hours(3)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """An environment to which the pipeline delivers.

    Attributes:
        environment: its name.
        account: its account.
        region: its region.
        needs_approval: whether a person reads the difference before each deployment.
    """

    environment: str
    account: str
    region: str
    needs_approval: bool


@dataclass(frozen=True, kw_only=True)
class DeliveryPipelineProps:
    """What is delivered, and where.

    Attributes:
        repository: owner and name of the repository, joined by a slash.
        branch: the branch whose commits are delivered.
        connection_arn: the connection to the repository.
        destinations: the environments, in order.
        approvers: addresses that are told when a change waits for an approval.
        cli_version: the version of the CDK CLI with which the pipeline updates itself.
    """

    repository: str
    branch: str
    connection_arn: str
    destinations: Sequence[Destination]
    approvers: Sequence[str]
    cli_version: str


class DeliveryPipeline(Construct):
    """A pipeline of CDK Pipelines: it tests a commit, updates itself, and delivers to one environment after the other.

    An environment's stacks are deployed by ``make deploy``, as a person would, and not by CodePipeline's action for
    CloudFormation. That action knows no previous value of a parameter: it would set the model that is served, which an
    approval has put into the stack, back to none, and delete the endpoint
    (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1789).
    """

    def __init__(self, scope: Construct, id: str, props: DeliveryPipelineProps) -> None:
        super().__init__(scope, id)
        self._artifacts = ArtifactBucket(self, "Artifacts")
        self._connection_arn = props.connection_arn
        self._source = pipelines.CodePipelineSource.connection(
            props.repository,
            props.branch,
            connection_arn=props.connection_arn,
            # A clone keeps what an archive loses, for example that the image's programs may be executed.
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
        """Let it read the repository; CDK grants that under the service's former name, which newer connections are not.

        See https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html.
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
        reviewer = self._build_visitor(destination, "review")
        if destination.needs_approval:
            review = self._review(destination, reviewer)
            risk, url = review.exported_variable("RISK"), review.exported_variable("REVIEW_URL")
            yield review
            yield pipelines.ManualApprovalStep(
                "Approve",
                comment=f"{destination.environment}: {risk}. What would change, the risks first, is the log at {url}",
                review_url=url,
                notification_topic=approvals,
            )
        yield self._deployment(destination)
        yield self._step("Check", reviewer, [f"make check ENV={destination.environment}"])

    def _review(self, destination: Destination, reviewer: "_Visitor") -> pipelines.CodeBuildStep:
        compare = f".venv/bin/python -m topicsmith diff --base deployed --env {destination.environment}"
        commands = [
            "make install",
            # 0 nothing, 1 changes, 2 dangerous ones: all of them are for a person to judge. 3: no comparison.
            f"status=0; {compare} || status=$?",
            'test "$status" -le 2',
            'risks=("nothing changes" "changes" "DANGEROUS CHANGES")',
            'export RISK="${risks[$status]}" REVIEW_URL="$CODEBUILD_BUILD_URL"',
        ]
        return self._step("Review", reviewer, commands)

    def _deployment(self, destination: Destination) -> pipelines.CodeBuildStep:
        return self._step(
            "Deploy",
            self._build_visitor(destination, "deploy"),
            # Who approves has read the difference in the step before.
            ["export CDK_REQUIRE_APPROVAL=never", f"make deploy ENV={destination.environment}"],
            # Docker builds the image in containers/ntm.
            build_environment=aws_codebuild.BuildEnvironment(privileged=True),
            timeout=_LONGEST_DEPLOYMENT,
        )

    def _step(
        self,
        id: str,
        visitor: "_Visitor",
        commands: Sequence[str],
        build_environment: aws_codebuild.BuildEnvironment | None = None,
        timeout: Duration | None = None,
    ) -> pipelines.CodeBuildStep:
        return pipelines.CodeBuildStep(
            id,
            input=self._source,
            commands=[*_ASSUME_ROLE, *commands],
            env={"ROLE_ARN": visitor.becomes, "REGION": visitor.region},
            role=visitor.role,
            partial_build_spec=aws_codebuild.BuildSpec.from_object(_PYTHON),
            build_environment=build_environment,
            timeout=timeout,
        )

    def _build_visitor(self, destination: Destination, work: Work) -> "_Visitor":
        """Build the role of steps, which may do nothing in an environment but assume the role that is there."""
        name = destination.environment
        role = aws_iam.Role(
            self,
            f"{name}-{work}",
            role_name=step_role_name(name, work),
            description=f"Goes to {name} to {work}",
            assumed_by=aws_iam.ServicePrincipal("codebuild.amazonaws.com"),
        )
        becomes = f"arn:{Aws.PARTITION}:iam::{destination.account}:role/{role_name(name, work)}"
        grant(role, actions=["sts:AssumeRole"], resources=[becomes])
        self._grant_connection(role)
        return _Visitor(role=role, becomes=becomes, region=destination.region)


@dataclass(frozen=True, kw_only=True)
class _Visitor:
    """Who goes to an environment.

    Attributes:
        role: the role of the step.
        becomes: the role in the environment's account that it assumes.
        region: the environment's region.
    """

    role: aws_iam.IRole
    becomes: str
    region: str
