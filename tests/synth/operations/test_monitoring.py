"""Monitoring of an environment: alarms, rollback of updates, dashboard, budget and notifications."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack, aws_sns
from aws_cdk.assertions import Template
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from constructs.monitoring.budget import MonthlyBudget
from tests.synth.assembly import Assembly, JsonObject, template_of
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.pipeline.requests import problems

_PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/topicsmith-test/7"
_OF_APPROVALS = {"approval-failed", "approval-dead-letters", "approval-errors", "update-notification-errors"}
_OF_PROCESSES = {"pipeline-failed", *_OF_APPROVALS}
_OF_REQUESTS = {"5xx", "4xx", "model-latency", "memory"}
_OF_INSTANCES = {"overhead-latency", "cpu", "disk", "instances"}
_OF_UPDATES = {"update-5xx", "update-model-latency"}


def _alarms(deployment: Deployment) -> dict[str, JsonObject]:
    """Return the alarms' properties by name, without the environment's prefix."""
    alarms = [one["Properties"] for one in deployment.resources("serving", "AWS::CloudWatch::Alarm").values()]
    return {one["AlarmName"].removeprefix(f"{deployment.name}-"): one for one in alarms}


def _kinds(template: Template) -> set[str]:
    names = (one["Properties"]["AlarmName"] for one in template.find_resources("AWS::CloudWatch::Alarm").values())
    return {name.removeprefix("topicsmith-test-") for name in names}


def _dimensions(alarm: JsonObject) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in alarm["Dimensions"]}


@pytest.fixture(scope="module")
def ab() -> Template:
    challenger = {"name": "Challenger", "model_package": _PACKAGE, "weight": 0.1, "instance_type": "ml.g4dn.12xlarge"}
    return template_of("serving", algorithm="builtin", serving={"variants": [challenger]})


def test_the_alarms_of_an_environment(deployment: Deployment) -> None:
    assert _alarms(deployment).keys() == _OF_REQUESTS | _OF_INSTANCES | _OF_UPDATES | _OF_PROCESSES


def test_alarms_make_valid_requests_to_cloudwatch(deployment: Deployment) -> None:
    for alarm in _alarms(deployment).values():
        assert problems("PutMetricAlarm", alarm, "cloudwatch") == []


@pytest.mark.parametrize(
    ("kind", "metric", "statistic", "threshold"),
    [
        ("5xx", "AWS/SageMaker Invocation5XXErrors", "Average", 0.01),
        ("4xx", "AWS/SageMaker Invocation4XXErrors", "Average", 0.2),
        ("model-latency", "AWS/SageMaker ModelLatency", "p99", 1_000_000),
        ("overhead-latency", "AWS/SageMaker OverheadLatency", "p99", 500_000),
        ("memory", "/aws/sagemaker/Endpoints MemoryUtilization", "Maximum", 90),
        ("disk", "/aws/sagemaker/Endpoints DiskUtilization", "Maximum", 90),
    ],
)
def test_an_alarm_of_the_endpoint(
    deployment: Deployment, kind: str, metric: str, statistic: str, threshold: float
) -> None:
    alarm = _alarms(deployment)[kind]
    assert f"{alarm['Namespace']} {alarm['MetricName']}" == metric
    assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)
    assert _dimensions(alarm) == {"EndpointName": deployment.name, "VariantName": "AllTraffic"}
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (60, 5, 3)
    # An endpoint without requests is healthy.
    assert alarm["TreatMissingData"] == "notBreaching"


def test_cpu_thresholds_are_sums_over_vcpus(assembly: Assembly, ab: Template) -> None:
    assert _alarms(Deployment(assembly, "dev"))["cpu"]["Threshold"] == 90 * 2
    assert _alarms(Deployment(assembly, "prod"))["cpu"]["Threshold"] == 90 * 4
    ab.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"AlarmName": "topicsmith-test-Challenger-cpu", "Threshold": 90 * 48}
    )


def test_gpus_are_monitored_if_the_instance_has_any(ab: Template) -> None:
    ab.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"AlarmName": "topicsmith-test-Challenger-gpu", "MetricName": "GPUUtilization", "Threshold": 90 * 4},
    )
    assert "gpu" not in _kinds(ab)


def test_an_alarm_goes_off_if_the_fleet_stays_at_its_maximum(assembly: Assembly) -> None:
    for name, greatest in (("dev", 2), ("prod", 8)):
        alarm = _alarms(Deployment(assembly, name))["instances"]
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", greatest)
        assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (30, 30)
        metrics = {one["Id"]: one for one in alarm["Metrics"]}
        (returned,) = (one for one in alarm["Metrics"] if one["ReturnData"])
        assert returned["Expression"] == "invocations / per_instance"
        for id, metric in (("invocations", "Invocations"), ("per_instance", "InvocationsPerInstance")):
            stat = metrics[id]["MetricStat"]
            assert (stat["Metric"]["MetricName"], stat["Stat"], stat["Period"]) == (metric, "Sum", 60)


def test_all_alarms_of_an_environment_have_their_own_name() -> None:
    variants = [{"name": name, "model_package": _PACKAGE, "weight": 1} for name in ("B", "b", "updated", "approval")]
    template = template_of("serving", serving={"variants": variants})
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    names = [alarm["Properties"]["AlarmName"] for alarm in alarms]
    assert len(set(names)) == len(names)


def test_a_fleet_of_constant_size_has_no_such_alarm() -> None:
    assert "instances" not in _kinds(template_of("serving", serving={"min_instances": 2, "max_instances": 2}))


def test_every_variant_is_watched_under_its_own_name(ab: Template) -> None:
    per_variant = _OF_REQUESTS | _OF_INSTANCES | _OF_UPDATES
    challenger = {f"Challenger-{kind}" for kind in per_variant | {"gpu"}}
    assert _kinds(ab) == per_variant | challenger | _OF_PROCESSES
    ab.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": "topicsmith-test-Challenger-5xx",
            "Dimensions": [
                {"Name": "EndpointName", "Value": "topicsmith-test"},
                {"Name": "VariantName", "Value": "Challenger"},
            ],
        },
    )


def test_serverless_endpoints_have_alarms_on_their_own_metrics() -> None:
    assert _kinds(template_of("serving", serving={"mode": "serverless"})) == _OF_REQUESTS | _OF_PROCESSES


def test_the_endpoints_alarms_exist_only_with_it(assembly: Assembly, environment: str) -> None:
    resources = assembly.template(environment, "serving")["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            kind = resource["Properties"]["AlarmName"].removeprefix(f"topicsmith-{environment}-")
            assert resource.get("Condition") == (None if kind in _OF_PROCESSES else "HasModel")


def test_thresholds_and_periods_of_alarms_can_be_set() -> None:
    template = template_of(
        "serving",
        alarms={
            "error_5xx_percent": 7,
            "error_4xx_percent": None,
            "model_latency_p99_ms": 250,
            "overhead_latency_p99_ms": None,
            "cpu_percent": None,
            "memory_percent": None,
            "disk_percent": None,
            "max_instances_minutes": None,
            "period_seconds": 300,
            "evaluation_periods": 12,
            "datapoints_to_alarm": 10,
        },
    )
    assert _kinds(template) == {"5xx", "model-latency"} | _OF_UPDATES | _OF_PROCESSES
    for name, threshold in (("5xx", 0.07), ("model-latency", 250_000), ("update-5xx", 0.07)):
        template.has_resource_properties(
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": f"topicsmith-test-{name}",
                "Threshold": threshold,
                "Period": 300,
                "EvaluationPeriods": 12,
                "DatapointsToAlarm": 10,
            },
        )


def test_alarms_can_be_disabled() -> None:
    template = template_of("serving", alarms={"enabled": False})
    template.resource_count_is("AWS::CloudWatch::Alarm", 0)
    assert "AutoRollbackConfiguration" not in json.dumps(template.to_json())
    assert "cloudwatch.amazonaws.com" not in json.dumps(template_of("data", alarms={"enabled": False}).to_json())


def test_an_update_is_rolled_back_by_alarms_on_the_new_fleet(deployment: Deployment) -> None:
    (config,) = deployment.resources("serving", "AWS::SageMaker::EndpointConfig")
    alarms = _alarms(deployment)
    for kind in ("5xx", "model-latency"):
        of_both, of_new = alarms[kind], alarms[f"update-{kind}"]
        assert _dimensions(of_new) == {**_dimensions(of_both), "EndpointConfigName": config}
        same = ("MetricName", "Statistic", "ExtendedStatistic", "Threshold", "Period", "DatapointsToAlarm")
        assert [of_new.get(key) for key in same] == [of_both.get(key) for key in same]
    rollback = deployment.resource("serving", "AWS::SageMaker::Endpoint")["DeploymentConfig"]
    assert rollback["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": f"{deployment.name}-{kind}"} for kind in ("update-5xx", "update-model-latency")]
    }


def test_the_endpoint_waits_for_the_alarms_that_roll_it_back(deployment: Deployment) -> None:
    alarms = deployment.resources("serving", "AWS::CloudWatch::Alarm")
    names = {f"{deployment.name}-{kind}" for kind in _OF_UPDATES}
    watching = {id for id, one in alarms.items() if one["Properties"]["AlarmName"] in names}
    (endpoint,) = deployment.resources("serving", "AWS::SageMaker::Endpoint").values()
    assert set(endpoint["DependsOn"]) == watching


def test_sagemaker_may_look_at_these_alarms_as_the_models_role(deployment: Deployment) -> None:
    (statement,) = (
        one for one in deployment.statements("serving", "EndpointRole") if "cloudwatch:DescribeAlarms" in one["Action"]
    )
    assert statement["Resource"] == [
        f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{deployment.name}-{kind}"
        for kind in ("update-5xx", "update-model-latency")
    ]


def test_rollback_can_be_disabled() -> None:
    template = template_of("serving", serving={"update": {"rollback": False}})
    assert not _kinds(template) & _OF_UPDATES
    (policy,) = (
        one["Properties"]
        for name, one in template.find_resources("AWS::IAM::Policy").items()
        if name.startswith("EndpointRole")
    )
    assert "cloudwatch:DescribeAlarms" not in json.dumps(policy)


@pytest.mark.parametrize(
    ("kind", "metric", "statistic"),
    [
        ("pipeline-failed", "AWS/Sagemaker/ModelBuildingPipeline ExecutionFailed", "Sum"),
        ("approval-failed", "AWS/Lambda Invocations", "Sum"),
        ("approval-dead-letters", "AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum"),
        ("approval-errors", "AWS/Lambda Errors", "Sum"),
        ("update-notification-errors", "AWS/Lambda Errors", "Sum"),
    ],
)
def test_alarms_on_a_single_occurrence(deployment: Deployment, kind: str, metric: str, statistic: str) -> None:
    alarm = _alarms(deployment)[kind]
    assert (f"{alarm['Namespace']} {alarm['MetricName']}", alarm["Statistic"]) == (metric, statistic)
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (60, 1, 1)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)


def test_process_alarms_watch_this_environments_resources(deployment: Deployment) -> None:
    alarms = _alarms(deployment)
    assert _dimensions(alarms["pipeline-failed"]) == {"PipelineName": deployment.name}
    (mapping,) = deployment.resources("serving", "AWS::Lambda::EventSourceMapping").values()
    assert _dimensions(alarms["approval-errors"]) == {"FunctionName": mapping["Properties"]["FunctionName"]}
    (rule,) = (
        one["Properties"]
        for one in deployment.resources("serving", "AWS::Events::Rule").values()
        if one["Properties"]["EventPattern"]["source"] == ["aws.cloudformation"]
    )
    (target,) = rule["Targets"]
    for kind in ("approval-failed", "update-notification-errors"):
        assert _dimensions(alarms[kind]) == {"FunctionName": target["Arn"].rpartition(":")[2]}
    redrives = [
        queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]
        for queue in deployment.resources("serving", "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue["Properties"]
    ]
    assert [arn.rpartition(":")[2] for arn in redrives] == [_dimensions(alarms["approval-dead-letters"])["QueueName"]]


def test_with_a_pinned_model_there_are_no_approvals_to_watch() -> None:
    kinds = _kinds(template_of("serving", serving={"model_package": _PACKAGE}))
    assert kinds & _OF_PROCESSES == {"pipeline-failed"}


def test_alarms_notify_people_when_they_go_off_and_recover(deployment: Deployment) -> None:
    (topic,) = deployment.resources("training", "AWS::SNS::Topic")
    for kind, alarm in _alarms(deployment).items():
        assert alarm.get("AlarmActions") == (None if kind in _OF_UPDATES else [topic])
        assert alarm.get("OKActions") == ([topic] if kind in _OF_REQUESTS | _OF_INSTANCES else None)


def test_cloudwatch_may_use_topic_and_key_for_this_environments_alarms_only(deployment: Deployment) -> None:
    condition = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{deployment.name}-*"},
    }
    policy = deployment.resource("training", "AWS::SNS::TopicPolicy")["PolicyDocument"]
    (statement,) = _of_service(policy, "cloudwatch")
    assert (statement["Effect"], statement["Action"], statement["Condition"]) == ("Allow", "sns:Publish", condition)
    (statement,) = _of_service(deployment.resource("data", "AWS::KMS::Key")["KeyPolicy"], "cloudwatch")
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert (statement["Effect"], statement["Condition"]) == ("Allow", condition)


def test_the_dashboard_shows_the_alarms_metrics_and_more(deployment: Deployment) -> None:
    dashboard = deployment.resource("serving", "AWS::CloudWatch::Dashboard")
    assert problems("PutDashboard", dashboard, "cloudwatch") == []
    assert dashboard["DashboardName"] == deployment.name
    shown = _shown(dashboard)
    watched = {
        (alarm["MetricName"], alarm.get("Statistic", alarm.get("ExtendedStatistic")))
        for kind, alarm in _alarms(deployment).items()
        if "MetricName" in alarm and kind not in _OF_UPDATES
    }
    assert watched <= shown
    assert {("ModelLatency", "p50"), ("OverheadLatency", "p50")} <= shown
    assert {("Invocations", "Sum"), ("InvocationsPerInstance", "Sum")} <= shown


def test_the_dashboard_shows_alarms_by_name_since_they_may_not_exist(deployment: Deployment) -> None:
    dashboard = deployment.resource("serving", "AWS::CloudWatch::Dashboard")
    (status,) = (one for one in json.loads(dashboard["DashboardBody"])["widgets"] if one["type"] == "alarm")
    names = {arn.rpartition(":")[2] for arn in status["properties"]["alarms"]}
    assert names == {alarm["AlarmName"] for alarm in _alarms(deployment).values()}


def test_widgets_neither_overlap_nor_leave_the_page(deployment: Deployment, ab: Template) -> None:
    bodies = [deployment.resource("serving", "AWS::CloudWatch::Dashboard")["DashboardBody"], _body(ab)]
    for body in bodies:
        places = [
            (x, y)
            for one in json.loads(body)["widgets"]
            for x in range(one["x"], one["x"] + one["width"])
            for y in range(one["y"], one["y"] + one["height"])
        ]
        assert len(places) == len(set(places))
        assert max(x for x, _ in places) == 23


def test_the_dashboard_shows_every_variant(ab: Template) -> None:
    titles = {one["properties"]["title"] for one in json.loads(_body(ab))["widgets"]}
    assert {"AllTraffic: model latency", "Challenger: model latency", "Challenger: GPUs, sum over each"} <= titles
    assert "AllTraffic: GPUs, sum over each" not in titles


def test_a_shadow_is_on_the_dashboard_without_alarms(variants: Path) -> None:
    spot = Deployment(Assembly(variants), "spot")
    widgets = json.loads(spot.resource("serving", "AWS::CloudWatch::Dashboard")["DashboardBody"])["widgets"]
    assert "Shadow: model latency" in {one["properties"]["title"] for one in widgets}
    assert [kind for kind in _alarms(spot) if "Shadow" in kind] == []


def test_there_is_a_budget_if_the_environment_has_one(variants: Path, deployment: Deployment) -> None:
    short = Deployment(Assembly(variants), "short")
    (topic,) = short.resources("training", "AWS::SNS::Topic")
    budget = short.resource("serving", "AWS::Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetName": "topicsmith-short-50-100",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 250, "Unit": "USD"},
        "CostFilters": {"TagKeyValue": ["user:environment$short"]},
    }
    assert [
        (one["Notification"]["NotificationType"], one["Notification"]["Threshold"], one["Subscribers"])
        for one in budget["NotificationsWithSubscribers"]
    ] == [("ACTUAL", percent, [{"SubscriptionType": "SNS", "Address": topic}]) for percent in (50, 100)]
    assert deployment.resources("serving", "AWS::Budgets::Budget") == {}


def test_other_percentages_make_another_budget() -> None:
    """CloudFormation replaces a budget with other notifications, which fails if the name stays."""
    create_only = {path.split("/")[-1] for path in _create_only("AWS::Budgets::Budget")}
    assert create_only == {"BudgetName", "NotificationsWithSubscribers"}
    names = [_budget_name([80, 100]), _budget_name([80]), _budget_name([100, 80])]
    assert len(set(names)) == 3
    assert names[0] == "topicsmith-dev-80-100"


def _create_only(type_: str) -> list[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
    return [str(path) for path in schema["createOnlyProperties"]]


def _budget_name(percents: list[int]) -> str:
    stack = Stack()
    MonthlyBudget(
        stack,
        "Budget",
        name="topicsmith-dev",
        usd=10,
        alert_percents=percents,
        tag=("environment", "dev"),
        topic=aws_sns.Topic(stack, "Topic"),
    )
    (budget,) = Template.from_stack(stack).find_resources("AWS::Budgets::Budget").values()
    return str(budget["Properties"]["Budget"]["BudgetName"])


def test_a_budget_makes_a_valid_request_to_aws_budgets(variants: Path) -> None:
    budget = Deployment(Assembly(variants), "short").resource("serving", "AWS::Budgets::Budget")
    limit = budget["Budget"]["BudgetLimit"]
    request = {
        "AccountId": ACCOUNT,
        # CloudFormation takes a number here, the API a string.
        "Budget": {**budget["Budget"], "BudgetLimit": {**limit, "Amount": str(limit["Amount"])}},
        "NotificationsWithSubscribers": budget["NotificationsWithSubscribers"],
        "ResourceTags": budget["ResourceTags"],
    }
    assert problems("CreateBudget", request, "budgets") == []


def test_aws_budgets_may_use_topic_and_key_if_there_is_a_budget(variants: Path, deployment: Deployment) -> None:
    for found, name in ((Deployment(Assembly(variants), "short"), "topicsmith-short"), (deployment, None)):
        statements = [
            *_of_service(found.resource("training", "AWS::SNS::TopicPolicy")["PolicyDocument"], "budgets"),
            *_of_service(found.resource("data", "AWS::KMS::Key")["KeyPolicy"], "budgets"),
        ]
        assert len(statements) == (2 if name else 0)
        for statement in statements:
            assert statement["Condition"] == {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT}:budget/{name}*"},
            }


def _of_service(policy: JsonObject, service: str) -> list[JsonObject]:
    principal = {"Service": f"{service}.amazonaws.com"}
    return [one for one in policy["Statement"] if one["Principal"] == principal]


def _body(template: Template) -> str:
    (dashboard,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else "token" for part in parts)


def _shown(dashboard: JsonObject) -> set[tuple[str, str]]:
    """Return metric and statistic of every line; CloudWatch's default statistic is the average."""
    lines: list[list[Any]] = [
        line
        for widget in json.loads(dashboard["DashboardBody"])["widgets"]
        for line in widget["properties"].get("metrics", [])
        if len(line) > 1
    ]
    return {(line[1], line[-1].get("stat", "Average")) for line in lines}


def test_no_stack_owns_a_log_group_of_sagemaker(deployment: Deployment) -> None:
    """Those of jobs are the account's, and an endpoint's is created again by lines that arrive after its deletion."""
    groups = [
        resource["Properties"].get("LogGroupName", "")
        for template in deployment.templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]
    assert groups
    assert [name for name in groups if "/aws/sagemaker" in str(name)] == []
