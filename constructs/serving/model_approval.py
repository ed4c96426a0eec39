"""Automatic deployment of approved models."""

import itertools
from dataclasses import dataclass

from aws_cdk import (
    CfnParameter,
    Duration,
    Stack,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_lambda,
    aws_lambda_event_sources,
    aws_sqs,
)

from constructs import Construct
from constructs.common.grants import grant
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps
from constructs.notify.notifications import Notifications
from constructs.notify.update_notification import UpdateNotification
from constructs.serving.stack_role import grant_bootstrap_version

_TIMEOUT = Duration.minutes(1)
_FIRST_RETRY = Duration.seconds(30)
_LONGEST_PAUSE = Duration.minutes(15)
_LEAST_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class ModelApprovalProps:
    """Properties of the automatic deployment.

    Attributes:
        model_package_group: Name of the model package group.
        parameter: Parameter of this stack for the model to serve.
        time: Parameter of this stack for the time of the model's approval.
        endpoint_name: Name of the endpoint in this stack.
        stack_role: CloudFormation's role for the updates.
        notifications: Topic for failed updates.
        longest_update: Time limit of an endpoint update; approvals that have to wait are retried at least this long.
        functions: Settings shared by all functions.
    """

    model_package_group: str
    parameter: CfnParameter
    time: CfnParameter
    endpoint_name: str
    stack_role: aws_iam.IRole
    notifications: Notifications
    longest_update: Duration
    functions: FunctionSettings


class ModelApproval(Construct):
    """Deployment of approved models by an update of this stack, which leaves CloudFormation in charge of all resources.

    An approval waits in a queue until stack and endpoint can be updated; if that never succeeds, it moves to the
    dead-letter queue. The function only changes parameter values, and may update the stack only with the role of
    :class:`~constructs.serving.stack_role.ServingStackRole`.

    Attributes:
        function: Function that updates the stack.
        dead_letter_queue: Queue of approvals and rejections that could not be applied.
        update_notification: Function that reports failed updates.
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
                description="Deploys approved models to the endpoint",
                timeout=_TIMEOUT,
                memory_mb=256,
                settings=self._props.functions,
                environment={
                    "STACK_ID": stack.stack_id,
                    "STACK_ROLE_ARN": self._props.stack_role.role_arn,
                    "MODEL_PARAMETER": self._props.parameter.logical_id,
                    "TIME_PARAMETER": self._props.time.logical_id,
                    "ENDPOINT_NAME": self._props.endpoint_name,
                    "QUEUE_URL": queue.queue_url,
                    "FIRST_RETRY_SECONDS": str(int(_FIRST_RETRY.to_seconds())),
                    "LONGEST_PAUSE_SECONDS": str(int(_LONGEST_PAUSE.to_seconds())),
                },
            ),
        ).function
        grant(
            function,
            actions=["cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks"],
            resources=[stack.stack_id],
        )
        # An update may bring its own template, which CloudFormation applies with the rights of the role it is given.
        grant(
            function,
            actions=["cloudformation:UpdateStack"],
            resources=[stack.stack_id],
            conditions={"StringEquals": {"cloudformation:RoleArn": self._props.stack_role.role_arn}},
        )
        grant(
            function,
            actions=["iam:PassRole"],
            resources=[self._props.stack_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        )
        grant_bootstrap_version(function, stack)
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
        # SageMaker refuses to update an endpoint that is being scaled; the approval waits.
        grant(
            function,
            actions=["sagemaker:DescribeEndpoint"],
            resources=[
                stack.format_arn(service="sagemaker", resource="endpoint", resource_name=self._props.endpoint_name)
            ],
        )
        function.add_event_source(
            aws_lambda_event_sources.SqsEventSource(
                queue,
                batch_size=1,
                # Lambda's minimum is two; the second invocation finds the stack busy and retries later.
                max_concurrency=2,
                report_batch_item_failures=True,
            )
        )
        return function

    def _build_rule(self, queue: aws_sqs.Queue) -> None:
        aws_events.Rule(
            self,
            "Decided",
            description="A model package was approved or rejected",
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


def attempts_within(longest_update: Duration) -> int:
    """Return the number of attempts whose pauses add up to more than the duration of an update.

    The first pause is 30 seconds; each further one is twice as long, up to 15 minutes.
    """
    pauses = (min(_FIRST_RETRY.to_seconds() * 2**retry, _LONGEST_PAUSE.to_seconds()) for retry in itertools.count())
    waited = itertools.accumulate(pauses)
    retries = next(number for number, seconds in enumerate(waited, 1) if seconds > longest_update.to_seconds())
    return max(retries + 1, _LEAST_ATTEMPTS)
