"""What serves a model once a person has approved it."""

import itertools
from dataclasses import dataclass

from aws_cdk import (
    CfnParameter,
    DefaultStackSynthesizer,
    Duration,
    Stack,
    aws_events,
    aws_events_targets,
    aws_lambda,
    aws_lambda_event_sources,
    aws_sqs,
)

from constructs import Construct
from constructs.common.grants import grant
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps
from constructs.notify.notifications import Notifications
from constructs.notify.update_notification import UpdateNotification

_TIMEOUT = Duration.minutes(1)
_FIRST_RETRY = Duration.seconds(30)
_LONGEST_PAUSE = Duration.minutes(15)
_LEAST_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class ModelApprovalProps:
    """Whose approvals are followed, and who is told of what came of them.

    Attributes:
        model_package_group: the models' group.
        parameter: the parameter of this stack that names the model to serve.
        endpoint_name: the endpoint that the stack makes.
        notifications: who is told of an update that failed.
        longest_update: the longest time that an update of the endpoint may take; an approval waits as long.
        functions: what all functions have in common.
    """

    model_package_group: str
    parameter: CfnParameter
    endpoint_name: str
    notifications: Notifications
    longest_update: Duration
    functions: FunctionSettings


class ModelApproval(Construct):
    """Updates its own stack with the model that was approved, so that CloudFormation remains the one owner.

    An approval waits in a queue until the stack can be updated; one that never can be ends among the dead letters. The
    function gives CloudFormation nothing but a new value of one parameter; the resources change with the role with
    which the stack was deployed.

    Attributes:
        function: gives the stack the model.
        dead_letter_queue: approvals and rejections that could not be followed.
        update_notification: the function that tells of updates that failed.
    """

    def __init__(self, scope: Construct, id: str, props: ModelApprovalProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.dead_letter_queue: aws_sqs.IQueue = aws_sqs.Queue(
            self,
            "DeadLetters",
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        queue = self._build_queue()
        self.function: aws_lambda.IFunction = self._build_function(queue)
        self._build_rule(queue)
        self.update_notification = UpdateNotification(
            self,
            "Failure",
            model_package_group=props.model_package_group,
            parameter=props.parameter,
            endpoint_name=props.endpoint_name,
            notifications=props.notifications,
            functions=props.functions,
        ).function

    def _build_queue(self) -> aws_sqs.Queue:
        return aws_sqs.Queue(
            self,
            "Queue",
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Six times the function's timeout: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html.
            visibility_timeout=Duration.seconds(6 * int(_TIMEOUT.to_seconds())),
            dead_letter_queue=aws_sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=attempts_within(self._props.longest_update)
            ),
        )

    def _build_function(self, queue: aws_sqs.Queue) -> aws_lambda.Function:
        stack = Stack.of(self)
        function = PythonFunction(
            self,
            "Deploy",
            PythonFunctionProps(
                folder="deploy_model",
                description="Serves the model that was approved",
                timeout=_TIMEOUT,
                memory_mb=256,
                settings=self._props.functions,
                environment={
                    "STACK_ID": stack.stack_id,
                    "MODEL_PARAMETER": self._props.parameter.logical_id,
                    "QUEUE_URL": queue.queue_url,
                    "FIRST_RETRY_SECONDS": str(int(_FIRST_RETRY.to_seconds())),
                    "LONGEST_PAUSE_SECONDS": str(int(_LONGEST_PAUSE.to_seconds())),
                },
            ),
        ).function
        grant(
            function,
            actions=[
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStacks",
                "cloudformation:UpdateStack",
            ],
            resources=[stack.stack_id],
        )
        # CloudFormation reads the bootstrap version, a parameter of every CDK stack, as whoever updates the stack.
        grant(
            function,
            actions=["ssm:GetParameters"],
            resources=[
                stack.format_arn(
                    service="ssm",
                    resource="parameter",
                    resource_name=f"cdk-bootstrap/{_bootstrap_qualifier(stack)}/version",
                )
            ],
        )
        grant(
            function,
            actions=["sagemaker:DescribeModelPackage"],
            resources=[
                stack.format_arn(
                    service="sagemaker",
                    resource="model-package",
                    resource_name=f"{self._props.model_package_group}/*",
                )
            ],
            wildcard="The registry numbers the versions of the group.",
        )
        function.add_event_source(
            aws_lambda_event_sources.SqsEventSource(
                queue,
                batch_size=1,
                # Two are the fewest that Lambda takes; the second one finds the stack busy, and waits.
                max_concurrency=2,
                report_batch_item_failures=True,
            )
        )
        return function

    def _build_rule(self, queue: aws_sqs.Queue) -> None:
        aws_events.Rule(
            self,
            "Decided",
            description="A model of the environment was approved or rejected",
            event_pattern=aws_events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [self._props.model_package_group],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            ),
            targets=[aws_events_targets.SqsQueue(queue)],
        )


def _bootstrap_qualifier(stack: Stack) -> str:
    """Return the qualifier of ``cdk bootstrap``, as a synthesizer finds it.

    ``stack.synthesizer`` does not say it: Python gets that as it was before it was bound to the stack. See
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html.
    """
    qualifier = stack.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
    return str(qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER)


def attempts_within(longest_update: Duration) -> int:
    """Return how often an approval is tried, so that the pauses between the attempts outlast an update.

    The first pause is 30 seconds, each further one twice as long, none longer than 15 minutes.
    """
    pauses = (min(_FIRST_RETRY.to_seconds() * 2**retry, _LONGEST_PAUSE.to_seconds()) for retry in itertools.count())
    waited = itertools.accumulate(pauses)
    retries = next(number for number, seconds in enumerate(waited, 1) if seconds > longest_update.to_seconds())
    return max(retries + 1, _LEAST_ATTEMPTS)
