import pytest
from aws_cdk.assertions import Match, Template

from tests.synth.assembly import Assembly, template_of
from tests.synth.cloudformation import Deployment

_WITH_A_MODEL = (
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)
_QUEUE = "AWS::SQS::Queue"
_PINNED = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/topicsmith-test/7"


@pytest.fixture
def template(assembly: Assembly, environment: str) -> Template:
    return Template.from_json(assembly.template(environment, "serving"))


@pytest.fixture(scope="module")
def pinned() -> Template:
    return template_of("serving", serving={"model_package": _PINNED})


def test_the_endpoint_exists_only_with_a_model(template: Template) -> None:
    template.has_parameter("ModelPackageArn", {"Type": "String", "Default": ""})
    template.has_condition("HasModel", {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]})
    for type_ in _WITH_A_MODEL:
        template.resource_count_is(type_, 1)
        template.all_resources(type_, {"Condition": "HasModel"})
    conditional = {one["Type"] for one in template.to_json()["Resources"].values() if "Condition" in one}
    assert conditional == {*_WITH_A_MODEL, "AWS::CloudWatch::Alarm"}


def test_the_variant_serves_the_approved_model(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SageMaker::Model",
        {"PrimaryContainer": {"ModelPackageName": {"Ref": "ModelPackageArn"}}, "EnableNetworkIsolation": True},
    )
    (model,) = template.find_resources("AWS::SageMaker::Model")
    template.has_resource_properties(
        "AWS::SageMaker::EndpointConfig",
        {
            "ProductionVariants": [
                Match.object_like({"VariantName": "AllTraffic", "ModelName": {"Fn::GetAtt": [model, "ModelName"]}})
            ]
        },
    )


def test_only_resources_that_are_never_replaced_have_names(deployment: Deployment) -> None:
    assert "ModelName" not in deployment.resource("serving", "AWS::SageMaker::Model")
    assert "EndpointConfigName" not in deployment.resource("serving", "AWS::SageMaker::EndpointConfig")
    assert deployment.resource("serving", "AWS::SageMaker::Endpoint")["EndpointName"] == deployment.name


def test_the_model_waits_for_its_roles_permissions(template: Template) -> None:
    policy = Match.string_like_regexp("EndpointRoleDefaultPolicy")
    template.has_resource("AWS::SageMaker::Model", {"DependsOn": [policy]})


def test_scaling_follows_the_environment(assembly: Assembly) -> None:
    limits = {}
    for name in ("dev", "prod"):
        deployment = Deployment(assembly, name)
        target = deployment.resource("serving", "AWS::ApplicationAutoScaling::ScalableTarget")
        assert target["ResourceId"] == f"endpoint/topicsmith-{name}/variant/AllTraffic"
        assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
        (variant,) = deployment.resource("serving", "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
        assert variant["InitialInstanceCount"] == target["MinCapacity"]
        limits[name] = (target["MinCapacity"], target["MaxCapacity"])
    assert limits == {"dev": (1, 2), "prod": (2, 8)}


def test_the_scalable_target_waits_for_the_endpoint(template: Template) -> None:
    (endpoint,) = template.find_resources("AWS::SageMaker::Endpoint")
    name = {"Fn::GetAtt": [endpoint, "EndpointName"]}
    template.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {"ResourceId": {"Fn::Join": ["", ["endpoint/", name, "/variant/AllTraffic"]]}},
    )


def test_scaling_tracks_invocations_per_instance(template: Template) -> None:
    (target,) = template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget")
    template.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        {
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": target},
            "TargetTrackingScalingPolicyConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
                "TargetValue": 5000,
                "ScaleInCooldown": Match.any_value(),
                "ScaleOutCooldown": 60,
            },
        },
    )


def test_volumes_are_encrypted_if_the_instance_supports_it(deployment: Deployment) -> None:
    (key,) = deployment.resources("data", "AWS::KMS::Key")
    assert deployment.resource("serving", "AWS::SageMaker::EndpointConfig")["KmsKeyId"].endswith(f":key/{key}")


def test_no_key_for_volumes_that_refuse_one() -> None:
    template = template_of("serving", serving={"instance_type": "ml.m5d.xlarge"})
    template.has_resource_properties("AWS::SageMaker::EndpointConfig", {"KmsKeyId": Match.absent()})


def test_a_decision_on_a_model_of_the_group_waits_in_a_queue(deployment: Deployment) -> None:
    (rule,) = (
        rule["Properties"]
        for rule in deployment.resources("serving", "AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"]["source"] == ["aws.sagemaker"]
    )
    assert rule["EventPattern"]["detail-type"] == ["SageMaker Model Package State Change"]
    assert rule["EventPattern"]["detail"] == {
        "ModelPackageGroupName": [deployment.name],
        "ModelApprovalStatus": ["Approved", "Rejected"],
    }
    assert rule["State"] == "ENABLED"
    source = deployment.resource("serving", "AWS::Lambda::EventSourceMapping")
    assert [target["Arn"] for target in rule["Targets"]] == [source["EventSourceArn"]]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_decision_that_cannot_be_followed_is_kept(deployment: Deployment) -> None:
    queues = [queue["Properties"] for queue in deployment.resources("serving", "AWS::SQS::Queue").values()]
    assert len(queues) == 2
    assert all(queue["SqsManagedSseEnabled"] for queue in queues)
    (redrive,) = (queue["RedrivePolicy"] for queue in queues if "RedrivePolicy" in queue)
    assert redrive["maxReceiveCount"] >= 8
    (kept,) = (name for name in deployment.resources("serving", "AWS::SQS::Queue") if "DeadLetters" in name)
    assert redrive["deadLetterTargetArn"].endswith(f":{kept}")


def test_the_function_updates_this_stack(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": Match.object_like(
                    {"STACK_ID": {"Ref": "AWS::StackId"}, "MODEL_PARAMETER": "ModelPackageArn"}
                )
            }
        },
    )


def test_approval_may_update_this_stack_and_no_other(deployment: Deployment) -> None:
    stacks = [
        one["Resource"]
        for one in deployment.statements("serving", "ApprovalDeployRole")
        if "cloudformation:UpdateStack" in one["Action"]
    ]
    assert stacks == ["AWS::StackId"]


def test_approval_may_read_the_bootstrap_version_that_cloudformation_reads(deployment: Deployment) -> None:
    (parameter,) = (
        one["Resource"]
        for one in deployment.statements("serving", "ApprovalDeployRole")
        if one["Action"] == "ssm:GetParameters"
    )
    version = deployment.templates[f"{deployment.name}-serving"]["Parameters"]["BootstrapVersion"]["Default"]
    assert parameter.partition(":parameter")[2] == version


def test_a_pinned_model_is_in_the_template(pinned: Template) -> None:
    pinned.has_resource_properties("AWS::SageMaker::Model", {"PrimaryContainer": {"ModelPackageName": _PINNED}})
    assert "ModelPackageArn" not in pinned.to_json()["Parameters"]
    assert "Conditions" not in pinned.to_json()
    for type_ in _WITH_A_MODEL:
        pinned.all_resources(type_, {"Condition": Match.absent()})


def test_with_a_pinned_model_approval_changes_nothing(pinned: Template) -> None:
    for type_ in ("AWS::Events::Rule", "AWS::Lambda::Function", _QUEUE):
        pinned.resource_count_is(type_, 0)


def test_outputs(template: Template, environment: str) -> None:
    template.has_output("EndpointName", {"Value": f"topicsmith-{environment}"})
