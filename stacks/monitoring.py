"""Monitoring of an environment, built from its configuration."""

from aws_cdk import CfnCondition, Duration

from constructs import Construct
from constructs.monitoring.budget import MonthlyBudget
from constructs.monitoring.dashboard import Dashboard, DashboardProps
from constructs.monitoring.endpoint_alarms import EndpointAlarms, EndpointAlarmsProps
from constructs.monitoring.endpoint_rules import EndpointThresholds
from constructs.monitoring.metric_alarm import AlarmTiming
from constructs.monitoring.process_alarms import ProcessAlarms
from constructs.monitoring.rollback_alarms import RollbackAlarmsProps
from constructs.notify.notifications import Notifications
from constructs.serving.endpoint import TopicEndpointProps
from constructs.serving.model_approval import ModelApproval
from constructs.serving.variants import ALL_TRAFFIC
from stacks.config.environment import EnvironmentConfig


class Monitoring(Construct):
    """Alarms, dashboard and budget of an environment."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: EnvironmentConfig,
        environment: str,
        endpoint: TopicEndpointProps,
        pipeline_name: str,
        approval: ModelApproval | None,
        notifications: Notifications,
    ) -> None:
        super().__init__(scope, id)
        names: tuple[str, ...] = ()
        if config.alarms.enabled:
            at_endpoint = EndpointAlarms(
                self,
                "Endpoint",
                EndpointAlarmsProps(
                    endpoint_name=endpoint.name,
                    variants=endpoint.variants,
                    thresholds=_thresholds(config),
                    timing=_timing(config),
                    topic=notifications.topic,
                    condition=endpoint.condition,
                ),
            )
            of_processes = ProcessAlarms(
                self,
                "Processes",
                prefix=endpoint.name,
                pipeline_name=pipeline_name,
                approval=approval,
                topic=notifications.topic,
            )
            names = (*at_endpoint.names, *endpoint.rollback_alarms, *of_processes.names)
        Dashboard(
            self,
            "Dashboard",
            DashboardProps(
                name=endpoint.name,
                alarms=names,
                endpoint_name=endpoint.name,
                variants=[*endpoint.variants, *([endpoint.shadow] if endpoint.shadow else [])],
                pipeline_name=pipeline_name,
                approval=approval,
            ),
        )
        if config.budget.monthly_usd is not None:
            MonthlyBudget(
                self,
                "Budget",
                name=endpoint.name,
                usd=config.budget.monthly_usd,
                alert_percents=config.budget.alert_percents,
                tag=("environment", environment),
                topic=notifications.topic,
            )


def rollback_alarms_props(
    config: EnvironmentConfig, *, endpoint_name: str, condition: CfnCondition | None
) -> RollbackAlarmsProps | None:
    """Return the properties of the rollback alarms, or None if there are none.

    SageMaker only rolls back endpoints on instances; see
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html.

    Args:
        config: Configuration of the environment.
        endpoint_name: Name of the endpoint.
        condition: Condition under which the endpoint exists; None if it always does.
    """
    serving = config.serving
    if not (config.alarms.enabled and serving.update.rollback and serving.mode == "instances"):
        return None
    return RollbackAlarmsProps(
        endpoint_name=endpoint_name,
        variants=[ALL_TRAFFIC, *(variant.name for variant in serving.variants)],
        thresholds=_thresholds(config),
        timing=_timing(config),
        condition=condition,
    )


def _timing(config: EnvironmentConfig) -> AlarmTiming:
    return AlarmTiming(
        period=Duration.seconds(config.alarms.period_seconds),
        evaluation_periods=config.alarms.evaluation_periods,
        datapoints_to_alarm=config.alarms.datapoints_to_alarm,
    )


def _thresholds(config: EnvironmentConfig) -> EndpointThresholds:
    alarms = config.alarms
    return EndpointThresholds(
        error_5xx_percent=alarms.error_5xx_percent,
        error_4xx_percent=alarms.error_4xx_percent,
        model_latency_p99_ms=alarms.model_latency_p99_ms,
        overhead_latency_p99_ms=alarms.overhead_latency_p99_ms,
        cpu_percent=alarms.cpu_percent,
        gpu_percent=alarms.gpu_percent,
        memory_percent=alarms.memory_percent,
        disk_percent=alarms.disk_percent,
        max_instances_minutes=alarms.max_instances_minutes,
    )
