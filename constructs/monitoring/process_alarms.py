"""CloudWatch alarms for pipeline runs and model approvals."""

from aws_cdk import aws_cloudwatch, aws_sns

from constructs import Construct
from constructs.monitoring.metric_alarm import ONCE, AlarmRule, AlarmSettings, MetricAlarm
from constructs.monitoring.process_metrics import errors, executions, invocations, waiting
from constructs.serving.model_approval import ModelApproval


class ProcessAlarms(Construct):
    """Alarms for failed runs and for approved models that could not be deployed.

    Attributes:
        names: Names of the alarms.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefix: str,
        pipeline_name: str,
        approval: ModelApproval | None,
        topic: aws_sns.ITopic,
    ) -> None:
        """Create the alarms.

        Args:
            scope: Parent construct.
            id: Construct ID.
            prefix: Prefix of the alarm names.
            pipeline_name: Name of the SageMaker pipeline.
            approval: Automatic deployment of approved models, if enabled.
            topic: Topic for notifications.
        """
        super().__init__(scope, id)
        settings = AlarmSettings(prefix=prefix, topic=topic)
        rules = [
            _never(
                "pipeline-failed",
                "A pipeline run failed or its model was rejected",
                executions(pipeline_name, "Failed"),
            ),
            *(_approvals(approval) if approval else []),
        ]
        for rule in rules:
            MetricAlarm(self, rule, settings)
        self.names = tuple(settings.name(rule) for rule in rules)


def _approvals(approval: ModelApproval) -> list[AlarmRule]:
    return [
        _never(
            "approval-failed",
            "The serving stack could not be updated; the previous model is still being served",
            # The function is invoked once per failed update.
            invocations(approval.update_notification),
        ),
        _never(
            "approval-dead-letters",
            "An approved model was not deployed after repeated attempts",
            waiting(approval.dead_letter_queue),
        ),
        _never("approval-errors", "The function that deploys approved models fails", errors(approval.function)),
        _never(
            "update-notification-errors",
            "The function that reports failed updates fails",
            errors(approval.update_notification),
        ),
    ]


def _never(kind: str, description: str, metric: aws_cloudwatch.Metric) -> AlarmRule:
    """Return a rule that alarms on the first occurrence."""
    return AlarmRule(kind=kind, description=description, metric=metric, timing=ONCE, threshold=0)
