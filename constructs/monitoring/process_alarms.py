"""Who is told when a run or an approval has not come to its end."""

from aws_cdk import aws_cloudwatch, aws_sns

from constructs import Construct
from constructs.monitoring.metric_alarm import ONCE, AlarmRule, AlarmSettings, MetricAlarm
from constructs.monitoring.process_metrics import errors, executions, invocations, waiting
from constructs.serving.model_approval import ModelApproval


class ProcessAlarms(Construct):
    """Alarms on runs that fail and on approvals that are not followed.

    Attributes:
        names: the alarms' names.
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
        """Make the alarms.

        Args:
            scope: the parent.
            id: the id.
            prefix: what the alarms' names begin with.
            pipeline_name: the pipeline of the runs.
            approval: what follows approvals; without it, nothing does.
            topic: is told.
        """
        super().__init__(scope, id)
        settings = AlarmSettings(prefix=prefix, topic=topic)
        rules = [
            _never(
                "pipeline-failed", "A run of the pipeline failed or was rejected", executions(pipeline_name, "Failed")
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
            "The endpoint's stack could not be updated; the model before goes on being served",
            # That function's work is to tell of it.
            invocations(approval.update_notification),
        ),
        _never(
            "approval-dead-letters",
            "An approval was tried again and again, and given up; its model is not served",
            waiting(approval.dead_letter_queue),
        ),
        _never("approval-errors", "The function that follows approvals does not work", errors(approval.function)),
        _never(
            "update-notification-errors",
            "The function that tells of failed updates does not work",
            errors(approval.update_notification),
        ),
    ]


def _never(kind: str, description: str, metric: aws_cloudwatch.Metric) -> AlarmRule:
    """Return the rule of what is to be told the first time that it happens."""
    return AlarmRule(kind=kind, description=description, metric=metric, timing=ONCE, threshold=0)
