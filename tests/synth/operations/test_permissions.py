"""Permissions of each role: its actions, and for the critical ones resources and conditions."""

from pathlib import Path

import pytest

from tests.synth.assembly import Assembly, JsonObject, template_of
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment

_SAGEMAKER_JOB = {
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
}
_READ_AND_WRITE = {
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
}
# For the volume of an instance without local storage.
_VOLUME = {"kms:CreateGrant", "kms:DescribeKey"}
_ACTIONS = {
    ("data", "ImagesPublishingRole"): {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    },
    ("training", "PreprocessingPreprocessRole"): {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        *_READ_AND_WRITE - {"kms:Encrypt"},
    },
    ("training", "TrainingRole"): _SAGEMAKER_JOB | _READ_AND_WRITE,
    ("training", "EvaluationRole"): {
        *_SAGEMAKER_JOB,
        *_READ_AND_WRITE,
        *_VOLUME,
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
    },
    ("training", "VectorizationRole"): {
        *_SAGEMAKER_JOB,
        *_READ_AND_WRITE,
        *_VOLUME,
    },
    ("training", "FailureNotifyRole"): {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:DescribePipelineExecution",
        "sagemaker:ListPipelineExecutionSteps",
        "sns:Publish",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    },
    ("training", "PipelineRole"): {
        "lambda:InvokeFunction",
        "iam:PassRole",
        "sagemaker:AddTags",
        "sagemaker:CreateHyperParameterTuningJob",
        "sagemaker:CreateModel",
        "sagemaker:CreateModelPackage",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateTransformJob",
        "sagemaker:DescribeHyperParameterTuningJob",
        "sagemaker:DescribeModel",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:DescribeTransformJob",
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
        "sagemaker:StopHyperParameterTuningJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:StopTrainingJob",
        "sagemaker:StopTransformJob",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "s3:GetObject",
        "kms:Decrypt",
    },
    ("serving", "EndpointRole"): {*_SAGEMAKER_JOB, "s3:GetObject", "kms:Decrypt", "cloudwatch:DescribeAlarms"},
    ("serving", "ApprovalDeployRole"): {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:UpdateStack",
        "iam:PassRole",
        "ssm:GetParameters",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeModelPackage",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    },
    ("serving", "UpdateRole"): {
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DeleteScheduledAction",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "application-autoscaling:ListTagsForResource",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:PutScheduledAction",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:TagResource",
        "application-autoscaling:UntagResource",
        "cloudformation:DescribeStacks",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
        *_VOLUME,
        "sagemaker:AddTags",
        "sagemaker:CreateEndpoint",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateModel",
        "sagemaker:DeleteEndpoint",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteModel",
        "sagemaker:DeleteTags",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModel",
        "sagemaker:ListTags",
        "sagemaker:UpdateEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "ssm:GetParameters",
    },
    ("serving", "ApprovalFailureNotifyRole"): {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "sagemaker:DescribeEndpoint",
        "sns:Publish",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    },
}

_OF_SAGEMAKER = ("TrainingRole", "EvaluationRole", "VectorizationRole", "PipelineRole", "EndpointRole")


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _that_allow(deployment: Deployment, part: str, role: str, action: str) -> list[JsonObject]:
    return [one for one in deployment.statements(part, role) if action in _list(one["Action"])]


def test_every_role_is_covered(deployment: Deployment) -> None:
    policies = [
        (part, policy["Properties"]["Roles"])
        for part in ("data", "training", "serving")
        for policy in deployment.resources(part, "AWS::IAM::Policy").values()
    ]
    known = {(part, role) for part, role in _ACTIONS}
    assert {(part, next(name for _, name in known if roles[0].startswith(name))) for part, roles in policies} == known


@pytest.mark.parametrize(("part", "role"), _ACTIONS)
def test_roles_have_only_the_permissions_that_they_need(deployment: Deployment, part: str, role: str) -> None:
    allowed = {action for one in deployment.statements(part, role) for action in _list(one["Action"])}
    assert allowed == _ACTIONS[part, role]


@pytest.mark.parametrize(
    ("part", "role", "action", "prefixes"),
    [
        ("training", "PreprocessingPreprocessRole", "s3:GetObject", ["raw"]),
        ("training", "PreprocessingPreprocessRole", "s3:PutObject", ["bow"]),
        ("training", "TrainingRole", "s3:GetObject", ["bow"]),
        ("training", "TrainingRole", "s3:PutObject", ["models"]),
        ("training", "EvaluationRole", "s3:GetObject", ["bow", "models"]),
        ("training", "EvaluationRole", "s3:PutObject", ["evaluation"]),
        ("training", "VectorizationRole", "s3:GetObject", ["bow", "models"]),
        ("training", "VectorizationRole", "s3:PutObject", ["vectors"]),
        ("training", "PipelineRole", "s3:GetObject", ["evaluation", "models"]),
        ("serving", "EndpointRole", "s3:GetObject", ["models"]),
    ],
)
def test_a_role_reads_and_writes_only_its_prefixes(
    deployment: Deployment, part: str, role: str, action: str, prefixes: list[str]
) -> None:
    resources = [resource for one in _that_allow(deployment, part, role, action) for resource in _list(one["Resource"])]
    (bucket,) = (name for name in deployment.resources("data", "AWS::S3::Bucket") if name.startswith("DataBucket"))
    assert sorted(resources) == [f"arn:aws:s3:::{bucket.lower()}/{prefix}/*" for prefix in prefixes]


def test_a_role_lists_only_what_it_may_read(deployment: Deployment) -> None:
    for role, prefix in (("PreprocessingPreprocessRole", "raw"), ("TrainingRole", "bow")):
        (statement,) = _that_allow(deployment, "training", role, "s3:ListBucket")
        assert statement["Condition"] == {"StringLike": {"s3:prefix": f"{prefix}/*"}}


def test_the_pipeline_may_pass_only_its_jobs_roles(deployment: Deployment) -> None:
    (statement,) = _that_allow(deployment, "training", "PipelineRole", "iam:PassRole")
    roles = deployment.resources("training", "AWS::IAM::Role")
    jobs = [name for name in roles if name.startswith(("TrainingRole", "EvaluationRole", "VectorizationRole"))]
    assert sorted(statement["Resource"]) == sorted(f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in jobs)
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_the_pipeline_may_run_only_its_own_jobs(deployment: Deployment) -> None:
    for kind, action in (
        ("training-job/pipelines-*", "CreateTrainingJob"),
        ("processing-job/pipelines-*", "CreateProcessingJob"),
        ("transform-job/pipelines-*", "CreateTransformJob"),
        ("model/pipelines-*", "CreateModel"),
        ("hyper-parameter-tuning-job/*", "CreateHyperParameterTuningJob"),
    ):
        (statement,) = _that_allow(deployment, "training", "PipelineRole", f"sagemaker:{action}")
        assert statement["Resource"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}"


def test_the_failure_notifier_reads_only_this_pipelines_runs(deployment: Deployment) -> None:
    (statement,) = _that_allow(deployment, "training", "FailureNotifyRole", "sagemaker:ListPipelineExecutionSteps")
    runs = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{deployment.name}/execution/*"
    assert statement["Resource"] == runs


def test_metrics_go_to_one_namespace(deployment: Deployment) -> None:
    for part, role, kind in (
        ("training", "TrainingRole", "TrainingJobs"),
        ("training", "EvaluationRole", "ProcessingJobs"),
        ("training", "VectorizationRole", "TransformJobs"),
        ("serving", "EndpointRole", "Endpoints"),
    ):
        (statement,) = _that_allow(deployment, part, role, "cloudwatch:PutMetricData")
        assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": f"/aws/sagemaker/{kind}"}}


def test_only_actions_without_resource_level_permissions_name_no_resource(deployment: Deployment) -> None:
    """All other allowed actions support resource-level permissions in IAM."""
    everywhere = {
        action
        for part, role in _ACTIONS
        for one in deployment.statements(part, role)
        if one["Resource"] == "*"
        for action in _list(one["Action"])
    }
    assert everywhere == {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
    }


def test_no_managed_policy_but_the_one_that_cdk_gives_its_own_function(deployment: Deployment) -> None:
    for part in ("data", "training", "serving"):
        for name, role in deployment.resources(part, "AWS::IAM::Role").items():
            assert "ManagedPolicyArns" not in role["Properties"] or name.startswith("CustomS3AutoDeleteObjects")


def test_each_role_serves_one_service(deployment: Deployment) -> None:
    trusted = {
        name: [one["Principal"] for one in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
        for part in ("training", "serving")
        for name, role in deployment.resources(part, "AWS::IAM::Role").items()
    }
    for name, principals in trusted.items():
        other = "cloudformation" if name.startswith("UpdateRole") else "lambda"
        service = "sagemaker" if name.startswith(_OF_SAGEMAKER) else other
        assert principals == [{"Service": f"{service}.amazonaws.com"}], name


def test_models_can_be_registered_only_in_the_own_group(deployment: Deployment) -> None:
    (statement,) = _that_allow(deployment, "training", "PipelineRole", "sagemaker:CreateModelPackage")
    registry = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    assert {*statement["Resource"]} == {
        f"{registry}:model-package-group/{deployment.name}",
        f"{registry}:model-package/{deployment.name}/*",
    }


def test_every_role_has_the_permissions_boundary_of_its_environment(variants: Path, deployment: Deployment) -> None:
    bounded = Deployment(Assembly(variants), "short")
    boundaries = [
        role["Properties"].get("PermissionsBoundary")
        for part in ("data", "training", "serving")
        for role in bounded.resources(part, "AWS::IAM::Role").values()
    ]
    assert len(boundaries) > 5
    assert {str(boundary) for boundary in boundaries} == {f"arn:aws:iam::{ACCOUNT}:policy/limits/topics"}
    for part in ("data", "training", "serving"):
        for role in deployment.resources(part, "AWS::IAM::Role").values():
            assert "PermissionsBoundary" not in role["Properties"]


def test_a_permissions_boundary_may_be_an_arn() -> None:
    arn = "arn:aws:iam::aws:policy/PowerUserAccess"
    template = template_of("data", permissions_boundary=arn, data={"removal": "destroy"}, termination_protection=False)
    # The CDK's own function, which empties the bucket, has a role too.
    assert len(template.find_resources("AWS::IAM::Role")) == 2
    template.all_resources_properties("AWS::IAM::Role", {"PermissionsBoundary": arn})
