"""Notification of failed pipeline runs."""

from aws_cdk import Duration, Stack, aws_events, aws_events_targets

from constructs import Construct
from constructs.common.grants import grant
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps
from constructs.notify.notifications import Notifications


class FailureNotification(Construct):
    """Function that publishes the step, reason and log of each failed or rejected run."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pipeline_name: str,
        notifications: Notifications,
        functions: FunctionSettings,
    ) -> None:
        super().__init__(scope, id)
        function = PythonFunction(
            self,
            "Notify",
            PythonFunctionProps(
                folder="notify_failure",
                description="Sends notifications about failed pipeline runs",
                timeout=Duration.minutes(1),
                memory_mb=256,
                settings=functions,
                environment={"TOPIC_ARN": notifications.topic_arn},
            ),
        ).function
        notifications.grant_publish(function)
        pipeline = Stack.of(self).format_arn(service="sagemaker", resource="pipeline", resource_name=pipeline_name)
        grant(
            function,
            actions=["sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps"],
            resources=[f"{pipeline}/execution/*"],
            wildcard="SageMaker makes the ids of a pipeline's executions.",
        )
        aws_events.Rule(
            self,
            "Failed",
            description="A pipeline run failed",
            event_pattern=aws_events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Building Pipeline Execution Status Change"],
                detail={"pipelineArn": [pipeline], "currentPipelineExecutionStatus": ["Failed"]},
            ),
            targets=[aws_events_targets.LambdaFunction(function)],
        )
