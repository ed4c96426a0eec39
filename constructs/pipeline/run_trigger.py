"""Automatic starts of pipeline runs."""

from dataclasses import dataclass

from aws_cdk import Duration, Stack, aws_events, aws_events_targets

from constructs import Construct
from constructs.common.grants import grant
from constructs.data.data_bucket import RAW, DataBucket
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps


@dataclass(frozen=True, kw_only=True)
class RunTriggerProps:
    """Properties of the trigger.

    Attributes:
        pipeline_name: Name of the SageMaker pipeline.
        data: Data bucket.
        on_upload: Whether uploading a corpus starts a run.
        schedule: Schedule such as ``rate(7 days)`` or ``cron(0 6 ? * MON *)``, if any.
        scheduled_corpus: S3 URI of the corpus for scheduled runs.
        functions: Settings shared by all functions.
    """

    pipeline_name: str
    data: DataBucket
    on_upload: bool
    schedule: str | None
    scheduled_corpus: str
    functions: FunctionSettings


class RunTrigger(Construct):
    """Function that starts runs, and the EventBridge rules that invoke it."""

    def __init__(self, scope: Construct, id: str, props: RunTriggerProps) -> None:
        super().__init__(scope, id)
        function = PythonFunction(
            self,
            "Start",
            PythonFunctionProps(
                folder="start_run",
                description="Starts pipeline runs",
                timeout=Duration.minutes(1),
                memory_mb=256,
                settings=props.functions,
                environment={"PIPELINE_NAME": props.pipeline_name},
            ),
        ).function
        pipeline = Stack.of(self).format_arn(
            service="sagemaker", resource="pipeline", resource_name=props.pipeline_name
        )
        grant(function, actions=["sagemaker:StartPipelineExecution"], resources=[pipeline])
        if props.on_upload:
            # The function reads the object's metadata, which may disable the trigger.
            props.data.grant_get(function, RAW)
            aws_events.Rule(
                self,
                "Uploaded",
                description="A corpus was uploaded",
                event_pattern=aws_events.EventPattern(
                    source=["aws.s3"],
                    detail_type=["Object Created"],
                    detail={
                        "bucket": {"name": [props.data.bucket.bucket_name]},
                        "object": {"key": [{"prefix": f"{RAW}/"}]},
                    },
                ),
                targets=[aws_events_targets.LambdaFunction(function)],
            )
        if props.schedule:
            event = aws_events.RuleTargetInput.from_object({"corpus": props.scheduled_corpus})
            aws_events.Rule(
                self,
                "Scheduled",
                description="Schedule of pipeline runs",
                schedule=aws_events.Schedule.expression(props.schedule),
                targets=[aws_events_targets.LambdaFunction(function, event=event)],
            )
