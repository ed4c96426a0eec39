"""Alarms: evaluation of their metrics, and actions on state changes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends
from moto.sns.models import sns_backends

from localcloud.core import event_bus
from localcloud.services.cloudwatch.alarm import LocalAlarm, metric_queries
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.models import LocalCloudWatch
from localcloud.wiring import alarm_actions, alarm_loop
from tests.localcloud.support import SmallCloud, wait_for

ACCOUNT, REGION = "888888888888", "us-east-1"
NOON = datetime(2024, 1, 1, 12, 0, 5, tzinfo=UTC)
DIMENSIONS = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> LocalCloudWatch:
    """CloudWatch in this process, with minutes of sixty seconds."""
    monkeypatch.setenv("LOCALCLOUD_MINUTE_SECONDS", "60")
    monkeypatch.setattr("moto.cloudwatch.models.Alarm", LocalAlarm)
    monkeypatch.setattr(LocalCloudWatch, "on_change", staticmethod(alarm_actions.act))
    monkeypatch.setattr(cloudwatch_backends, "backend", LocalCloudWatch)
    cloudwatch_backends.pop(ACCOUNT, None)
    backend = cloudwatch_backends[ACCOUNT][REGION]
    assert isinstance(backend, LocalCloudWatch)
    return backend


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(event_bus, "send", lambda *event: sent.append(event))
    return sent


@pytest.fixture
def topic() -> str:
    sns_backends.pop(ACCOUNT, None)
    return str(sns_backends[ACCOUNT][REGION].create_topic("alarms").arn)


def _messages(topic: str) -> list[dict[str, Any]]:
    sent = sns_backends[ACCOUNT][REGION].topics[topic].sent_notifications
    return [{"subject": subject, **json.loads(message)} for _, message, subject, _, _ in sent]


def _alarm(cloudwatch: LocalCloudWatch, **request: Any) -> LocalAlarm:
    default = {
        "name": "e-5xx",
        "namespace": "AWS/SageMaker",
        "metric_name": "Invocation5XXErrors",
        "statistic": "Average",
        "dimensions": DIMENSIONS,
        "comparison_operator": "GreaterThanThreshold",
        "threshold": 0.05,
        "period": 60,
        "evaluation_periods": 5,
        "datapoints_to_alarm": 3,
        "treat_missing_data": "notBreaching",
        "description": "Too many errors",
        "alarm_actions": [],
    }
    alarm = cloudwatch.put_metric_alarm(**default | request)  # type: ignore[arg-type]
    assert isinstance(alarm, LocalAlarm)
    return alarm


def _put(
    cloudwatch: LocalCloudWatch, minute: int, values: Sequence[float], name: str = "Invocation5XXErrors", **more: Any
) -> None:
    """Publish values for the minute that lies the given number of minutes before noon."""
    time = NOON.replace(second=30, tzinfo=None) - timedelta(minutes=minute)
    data = {"MetricName": name, "Values": list(values), "Dimensions": DIMENSIONS, "Timestamp": time, **more}
    cloudwatch.put_metric_data("AWS/SageMaker", [data])


def test_alarm_follows_its_metric_and_notifies_topic_and_bus(
    cloudwatch: LocalCloudWatch, events: list[Any], topic: str
) -> None:
    alarm = _alarm(cloudwatch, alarm_actions=[topic], ok_actions=[topic])
    assert alarm.state_value == State.INSUFFICIENT_DATA
    alarm_loop.look(NOON)
    assert (alarm.state_value, len(_messages(topic))) == (State.OK, 1)

    for minute in (4, 3, 1):
        _put(cloudwatch, minute, [0, 0, 0, 1])
    alarm_loop.look(NOON)
    assert alarm.state_value == State.ALARM
    message = _messages(topic)[-1]
    assert message["subject"] == 'ALARM: "e-5xx" in us-east-1'
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["NewStateReason"].startswith(
        "Threshold Crossed: 3 out of the last 3 datapoints [0.25 (01/01/24 12:00"
    )
    assert message["NewStateReason"].endswith("were greater than the threshold (0.05).")
    assert message["Trigger"]["MetricName"] == "Invocation5XXErrors"
    assert message["Trigger"]["Dimensions"][0] == {"value": "e", "name": "EndpointName"}
    source, kind, resources, detail = events[-1]
    assert (source, kind, resources) == ("aws.cloudwatch", "CloudWatch Alarm State Change", [alarm.alarm_arn])
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")

    alarm_loop.look(NOON)
    assert len(_messages(topic)) == 2  # A topic is notified only of state changes.
    alarm_loop.look(NOON + timedelta(minutes=10))
    assert (alarm.state_value, _messages(topic)[-1]["NewStateValue"]) == (State.OK, "OK")


def test_the_current_minute_does_not_count(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    alarm = _alarm(cloudwatch, evaluation_periods=1, datapoints_to_alarm=1)
    _put(cloudwatch, 0, [1])
    alarm_loop.look(NOON)
    assert alarm.state_value == State.OK
    alarm_loop.look(NOON + timedelta(minutes=1))
    assert alarm.state_value == State.ALARM


def test_metrics_are_separate_by_dimensions_and_unit(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    alarm = _alarm(cloudwatch, evaluation_periods=1, datapoints_to_alarm=1, unit="Percent")
    _put(cloudwatch, 1, [1], Unit="Percent", Dimensions=DIMENSIONS[:1])
    _put(cloudwatch, 1, [1], Unit="Count")
    alarm_loop.look(NOON)
    assert alarm.state_value == State.OK
    _put(cloudwatch, 1, [1], Unit="Percent")
    alarm_loop.look(NOON)
    assert alarm.state_value == State.ALARM


def test_percentile_of_a_distribution(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    request = {"statistic": None, "extended_statistic": "p99", "metric_name": "ModelLatency", "threshold": 5e5}
    alarm = _alarm(cloudwatch, **request, evaluation_periods=1, datapoints_to_alarm=1)
    _put(cloudwatch, 1, [1000.0, 9e5], "ModelLatency", Counts=[99, 1])
    alarm_loop.look(NOON)
    assert alarm.state_value == State.OK
    _put(cloudwatch, 1, [9e5], "ModelLatency")
    alarm_loop.look(NOON)
    assert alarm.state_value == State.ALARM


def _quotient(**more: Any) -> dict[str, Any]:
    queries: list[dict[str, Any]] = [
        {
            "Id": name,
            "ReturnData": False,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": DIMENSIONS},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name, metric in (("invocations", "Invocations"), ("per_instance", "InvocationsPerInstance"))
    ]
    queries.append({"Id": "instances", "Expression": "invocations / per_instance"})
    single = dict.fromkeys(("namespace", "metric_name", "statistic", "period"))
    return {**single, "dimensions": [], "metric_data_queries": metric_queries(queries), **more}


def test_expression(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    limits = {"evaluation_periods": 1, "datapoints_to_alarm": 1}
    request = _quotient(comparison_operator="GreaterThanOrEqualToThreshold", threshold=2.0, **limits)
    alarm = _alarm(cloudwatch, **request)
    _put(cloudwatch, 1, [1, 1, 1, 1], "Invocations")
    _put(cloudwatch, 1, [0.0], "InvocationsPerInstance")
    alarm_loop.look(NOON)
    assert alarm.state_value == State.OK
    _put(cloudwatch, 1, [2.0], "InvocationsPerInstance")
    alarm_loop.look(NOON)
    assert alarm.state_value == State.ALARM
    assert "1 out of the last 1 datapoints [2.0" in alarm.state_reason


def test_unknown_expression_is_an_error(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    queries = metric_queries([{"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"}])
    alarm = _alarm(cloudwatch, **_quotient(metric_data_queries=queries))
    cloudwatch.set_alarm_state(alarm.name, "forced", "{}", "OK")
    alarm_loop.look(NOON)
    assert (alarm.state_value, "is not supported" in alarm.state_reason) == (State.INSUFFICIENT_DATA, True)


def test_new_definition_keeps_the_state(cloudwatch: LocalCloudWatch, events: list[Any]) -> None:
    cloudwatch.set_alarm_state(_alarm(cloudwatch).name, "forced", "{}", "ALARM")
    again = _alarm(cloudwatch, threshold=0.5)
    assert (again.state_value, again.state_reason, again.threshold) == ("ALARM", "forced", 0.5)


def test_topic_that_does_not_allow_cloudwatch_is_not_notified(
    cloudwatch: LocalCloudWatch, events: list[Any], topic: str
) -> None:
    allowed = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    resource = {
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:*:alarm:e-*"}},
    }
    alarm = _alarm(cloudwatch, alarm_actions=[topic])
    other = _alarm(cloudwatch, name="other", alarm_actions=[topic])
    sns_backends[ACCOUNT][REGION].topics[topic].policy = json.dumps({"Statement": [{**allowed, **resource}]})
    for each in (alarm, other):
        cloudwatch.set_alarm_state(each.name, "forced", "{}", "ALARM")
    assert [message["AlarmName"] for message in _messages(topic)] == ["e-5xx"]


def test_disabled_actions_do_not_run(cloudwatch: LocalCloudWatch, events: list[Any], topic: str) -> None:
    alarm = _alarm(cloudwatch, alarm_actions=[topic], actions_enabled=False)
    cloudwatch.set_alarm_state(alarm.name, "forced", "{}", "ALARM")
    assert (_messages(topic), len(events)) == ([], 1)


def test_alarm_is_described_as_it_was_defined(cloud: SmallCloud) -> None:
    client = cloud.client("cloudwatch")
    metric = {"Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "v"}]}
    given: dict[str, Any] = {
        "AlarmName": "described",
        "AlarmDescription": "For a test",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 2.0,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "TreatMissingData": "ignore",
        "AlarmActions": ["arn:aws:sns:us-east-1:1:a"],
        "OKActions": ["arn:aws:sns:us-east-1:1:b"],
        "Metrics": [
            {"Id": "m", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p99"}},
            {"Id": "twice", "ReturnData": True, "Expression": "2 * m"},
        ],
    }
    client.put_metric_alarm(**given)
    (alarm,) = client.describe_alarms(AlarmNames=["described"])["MetricAlarms"]
    assert {name: alarm[name] for name in given} == given
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateTransitionedTimestamp"] == alarm["StateUpdatedTimestamp"]


TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "watched"}},
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "stacked",
                "AlarmDescription": "Dead letters",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}],
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
                "OKActions": [{"Ref": "Topic"}],
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "stacked", "DashboardBody": '{"widgets": []}'},
        },
        "Budget": {
            "Type": "AWS::Budgets::Budget",
            "Properties": {
                "Budget": {
                    "BudgetName": "stacked",
                    "BudgetType": "COST",
                    "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": 10, "Unit": "USD"},
                }
            },
        },
    },
    "Outputs": {
        "Arn": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}},
        "Name": {"Value": {"Ref": "Alarm"}},
        "QueueUrl": {"Value": {"Ref": "Queue"}},
    },
}


def test_alarm_of_a_stack_watches_a_queue(cloud: SmallCloud) -> None:
    client, cloudformation = cloud.client("cloudwatch"), cloud.client("cloudformation")
    cloudformation.create_stack(StackName="alarms", TemplateBody=json.dumps(TEMPLATE))

    def look() -> dict[str, str] | None:
        (stack,) = cloudformation.describe_stacks(StackName="alarms")["Stacks"]
        assert "ROLLBACK" not in stack["StackStatus"], cloudformation.describe_stack_events(StackName="alarms")
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        return outputs if stack["StackStatus"] == "CREATE_COMPLETE" else None

    outputs = wait_for(look)
    assert outputs["Name"] == "stacked"

    def state() -> str:
        (alarm,) = client.describe_alarms(AlarmNames=["stacked"])["MetricAlarms"]
        assert alarm["AlarmArn"] == outputs["Arn"]
        return str(alarm["StateValue"])

    wait_for(lambda: state() == "OK")
    cloud.client("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody="dead")
    wait_for(lambda: state() == "ALARM")
    cloud.client("sqs").purge_queue(QueueUrl=outputs["QueueUrl"])
    wait_for(lambda: state() == "OK")
    lines = [json.loads(line) for line in (cloud.state / "notifications.jsonl").read_text().splitlines()]
    told = [json.loads(line["message"])["NewStateValue"] for line in lines if line["topic"].endswith(":watched")]
    assert told == ["OK", "ALARM", "OK"]
    assert client.get_dashboard(DashboardName="stacked")["DashboardBody"] == '{"widgets": []}'
    budgets = cloud.client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]
    assert "stacked" in [budget["BudgetName"] for budget in budgets]
    cloudformation.delete_stack(StackName="alarms")
    wait_for(lambda: not client.describe_alarms(AlarmNames=["stacked"])["MetricAlarms"])
