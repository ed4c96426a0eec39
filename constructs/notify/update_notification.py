"""Notification of failed updates of the serving stack."""

from aws_cdk import CfnParameter, Duration, Stack, aws_events, aws_events_targets, aws_lambda

from constructs import Construct
from constructs.common.grants import grant
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps
from constructs.notify.notifications import Notifications


class UpdateNotification(Construct):
    """Function that publishes the model, reason and current state of each failed update of its stack.

    For the event, see
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html.

    Attributes:
        function: Function that publishes the messages.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model_package_group: str,
        parameter: CfnParameter,
        endpoint_name: str,
        notifications: Notifications,
        functions: FunctionSettings,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        function = PythonFunction(
            self,
            "Notify",
            PythonFunctionProps(
                folder="notify_update",
                description="Sends notifications about failed updates of the serving stack",
                timeout=Duration.minutes(1),
                memory_mb=256,
                settings=functions,
                environment={
                    "TOPIC_ARN": notifications.topic_arn,
                    "MODEL_PARAMETER": parameter.logical_id,
                    "MODEL_PACKAGE_GROUP": model_package_group,
                    "ENDPOINT_NAME": endpoint_name,
                },
            ),
        ).function
        self.function: aws_lambda.IFunction = function
        notifications.grant_publish(function)
        grant(
            function,
            actions=["cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks"],
            resources=[stack.stack_id],
        )
        grant(
            function,
            actions=["sagemaker:DescribeEndpoint"],
            resources=[stack.format_arn(service="sagemaker", resource="endpoint", resource_name=endpoint_name)],
        )
        aws_events.Rule(
            self,
            "Failed",
            description="An update of the serving stack failed",
            event_pattern=aws_events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={
                    "stack-id": [stack.stack_id],
                    "status-details": {
                        "status": ["UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"]
                    },
                },
            ),
            targets=[aws_events_targets.LambdaFunction(function)],
        )
