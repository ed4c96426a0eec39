"""Executions with branches, all kinds of jobs, caching and retries, in a small cloud."""

import json
import re
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.pipelines.support import lambda_step, make_pipeline, outcome, start
from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for

QUICK = "def handler(event, context):\n    return {'answer': str(event.get('x'))}\n"
EVALUATION = {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"}


@pytest.fixture(scope="module")
def quick(cloud: SmallCloud) -> str:
    return cloud.function("quick-branch", {"index.py": QUICK})


def _json_get(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": EVALUATION, "Path": path}}


def _processing_step(cloud: SmallCloud, name: str, *arguments: str, **more: Any) -> dict[str, Any]:
    prefix = {
        "Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}/evaluation", {"Get": "Execution.PipelineExecutionId"}]}
    }
    output = {"S3Uri": prefix, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    request = {
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/opt/program/process"],
            "ContainerArguments": list(arguments),
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation", "S3Output": output}]},
        "RoleArn": cloud.role_arn,
    }
    return {"Name": name, "Type": "Processing", "Arguments": request, **more}


def _evaluate_step(cloud: SmallCloud, score: float, file: str = "evaluation.json") -> dict[str, Any]:
    declared = {"PropertyFileName": "Evaluation", "OutputName": "evaluation", "FilePath": file}
    return _processing_step(cloud, "Evaluate", "score", str(score), PropertyFiles=[declared])


def _gate(if_steps: list[dict[str, Any]], threshold: float = 0.05, path: str = "metrics.npmi") -> dict[str, Any]:
    condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": _json_get(path), "RightValue": threshold}
    uri = {"Get": "Steps.Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"}
    message = {"Std:Join": {"On": "", "Values": [_json_get("gate.reason"), ". See ", uri]}}
    rejected = {"Name": "Rejected", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    arguments = {"Conditions": [condition], "IfSteps": if_steps, "ElseSteps": [rejected]}
    return {"Name": "Gate", "Type": "Condition", "Arguments": arguments}


def _statuses(steps: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: step["StepStatus"] for name, step in steps.items()}


def test_passed_gate_runs_the_remaining_steps(cloud: SmallCloud, quick: str) -> None:
    register = lambda_step("Register", quick, {"x": _json_get("metrics.npmi")}, ["answer"])
    after = lambda_step("After", quick, {"x": {"Get": "Steps.Register.OutputParameters['answer']"}}, ["answer"])
    make_pipeline(cloud, "open-gate", [_gate([after, register]), _evaluate_step(cloud, 0.25)])
    execution, steps = outcome(cloud, start(cloud, "open-gate"))
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps
    assert list(steps) == ["Evaluate", "Gate", "Register", "After"]
    assert steps["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2].startswith("pipelines-")
    (parameter,) = steps["After"]["Metadata"]["Lambda"]["OutputParameters"]
    assert parameter == {"Name": "answer", "Value": "0.25"}


def test_failed_gate_fails_the_execution_with_the_reason(cloud: SmallCloud, quick: str) -> None:
    register = lambda_step("Register", quick, {"x": _json_get("metrics.npmi")}, ["answer"])
    outside = lambda_step("Outside", quick, {"x": {"Get": "Steps.Register.OutputParameters['answer']"}}, ["answer"])
    make_pipeline(cloud, "shut-gate", [_evaluate_step(cloud, 0.03), _gate([register]), outside])
    arn = start(cloud, "shut-gate")
    execution, steps = outcome(cloud, arn)
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert _statuses(steps) == {"Evaluate": "Succeeded", "Gate": "Succeeded", "Rejected": "Failed"}
    reason = f"npmi 0.03 is too low. See s3://{BUCKET}/evaluation/{arn.rpartition('/')[2]}"
    assert steps["Gate"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert steps["Rejected"]["FailureReason"] == reason
    assert steps["Rejected"]["Metadata"] == {"Fail": {"ErrorMessage": reason}}
    client = cloud.client("sagemaker")
    with pytest.raises(client.exceptions.ClientError, match=r"ValidationException.*the Fail step 'Rejected' ended it"):
        client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="r" * 32)


@pytest.mark.parametrize(
    ("evaluate", "gate", "reason"),
    [
        ({}, {"path": "metrics.c_v"}, "ClientError: Property file Evaluation of step Evaluate has no metrics.c_v."),
        ({"file": "other.json"}, {}, "ClientError: .*other.json cannot be read: .*NoSuchKey"),
        ({"file": "begun.txt"}, {}, "ClientError: .*begun.txt is not JSON"),
        ({}, {"path": "gate.reason"}, "ClientError: GreaterThanOrEqualTo cannot compare 'npmi 0.25 is too low' with"),
    ],
)
def test_gate_that_cannot_be_evaluated_fails(
    cloud: SmallCloud,
    quick: str,
    request: pytest.FixtureRequest,
    evaluate: dict[str, str],
    gate: dict[str, str],
    reason: str,
) -> None:
    name = f"unclear-gate-{request.node.callspec.indices['evaluate']}"
    register = lambda_step("Register", quick, {}, [])
    make_pipeline(cloud, name, [_evaluate_step(cloud, 0.25, **evaluate), _gate([register], **gate)])  # type: ignore[arg-type]
    execution, steps = outcome(cloud, start(cloud, name))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert _statuses(steps) == {"Evaluate": "Succeeded", "Gate": "Failed"}
    assert re.match(reason, steps["Gate"]["FailureReason"]), steps["Gate"]["FailureReason"]


def test_model_is_created_and_used_for_a_transform_job(cloud: SmallCloud) -> None:
    answer = {"answer": "vector"}
    train = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": cloud.role_arn,
        "HyperParameters": answer,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    model = {
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
        },
        "ExecutionRoleArn": cloud.role_arn,
    }
    documents = cloud.put("to-vectorize/part.jsonl", '{"id": "a", "instance": 1}\n')
    transform = {
        "ModelName": {"Get": "Steps.CreateModel.ModelName"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": documents}},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/vectorized",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "DataProcessing": {"InputFilter": "$.instance", "JoinSource": "Input"},
    }
    steps = [
        {"Name": "Vectorize", "Type": "Transform", "Arguments": transform},
        {"Name": "CreateModel", "Type": "Model", "Arguments": model},
        {"Name": "Train", "Type": "Training", "Arguments": train},
    ]
    make_pipeline(cloud, "vectorizing", steps)
    execution, done = outcome(cloud, start(cloud, "vectorizing"))
    assert execution["PipelineExecutionStatus"] == "Succeeded", done
    assert list(done) == ["Train", "CreateModel", "Vectorize"]
    assert ":model/pipelines-" in done["CreateModel"]["Metadata"]["Model"]["Arn"]
    assert ":transform-job/pipelines-" in done["Vectorize"]["Metadata"]["TransformJob"]["Arn"]
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key="vectorized/part.jsonl.out")["Body"].read()
    assert json.loads(body)["SageMakerOutput"]["answer"] == "vector"


def test_winner_of_a_tuning_job_is_trained(cloud: SmallCloud) -> None:
    image = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    common = {
        "RoleArn": cloud.role_arn,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    loss = r"validation total_loss <loss>=(\S+)"
    tune = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:total_loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "answer", "Values": ["left", "right"]}]},
        },
        "TrainingJobDefinition": {
            **common,
            "AlgorithmSpecification": {
                **image,
                "MetricDefinitions": [{"Name": "validation:total_loss", "Regex": loss}],
            },
            "HyperParameterTuningResourceConfig": resources,
        },
    }
    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['answer']"}
    train = {
        **common,
        "AlgorithmSpecification": image,
        "HyperParameters": {"answer": best},
        "ResourceConfig": resources,
    }
    cache = {"Enabled": True, "ExpireAfter": "P30D"}
    steps = [
        {"Name": "Train", "Type": "Training", "Arguments": train},
        {"Name": "Tune", "Type": "Tuning", "Arguments": tune, "CacheConfig": cache},
    ]
    make_pipeline(cloud, "tuning", steps)
    execution, done = outcome(cloud, start(cloud, "tuning"))
    assert execution["PipelineExecutionStatus"] == "Succeeded", done
    tuning_job = done["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    client = cloud.client("sagemaker")
    winner = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)["BestTrainingJob"]
    training_job = done["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    trained = client.describe_training_job(TrainingJobName=training_job)["HyperParameters"]
    assert trained == winner["TunedHyperParameters"]
    _, again = outcome(cloud, start(cloud, "tuning"))
    assert again["Tune"]["Metadata"] == done["Tune"]["Metadata"]
    assert "CacheHitResult" in again["Tune"]
    assert again["Train"]["StepStatus"] == "Succeeded"


def test_cached_step_is_reused_from_an_earlier_execution(cloud: SmallCloud) -> None:
    config = {"Enabled": True, "ExpireAfter": "P1D"}
    step = _processing_step(cloud, "Evaluate", "score", "0.5", CacheConfig=config)
    step["PropertyFiles"] = [
        {"PropertyFileName": "Evaluation", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    ]
    make_pipeline(cloud, "cached", [step, _gate([])])
    first = start(cloud, "cached")
    _, before = outcome(cloud, first)
    execution, after = outcome(cloud, start(cloud, "cached"))
    assert execution["PipelineExecutionStatus"] == "Succeeded", after
    assert "CacheHitResult" not in before["Evaluate"]
    assert after["Evaluate"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert after["Evaluate"]["Metadata"] == before["Evaluate"]["Metadata"]
    assert after["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}


def test_failed_step_is_not_cached(cloud: SmallCloud) -> None:
    config = {"Enabled": True, "ExpireAfter": "P1D"}
    make_pipeline(cloud, "not-cached", [_processing_step(cloud, "Evaluate", "fail", CacheConfig=config)])
    for _ in range(2):
        execution, steps = outcome(cloud, start(cloud, "not-cached"))
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert "CacheHitResult" not in steps["Evaluate"]


def test_failed_algorithm_is_not_retried(cloud: SmallCloud) -> None:
    policies = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    make_pipeline(cloud, "hopeless", [_processing_step(cloud, "Evaluate", "fail", RetryPolicies=policies)])
    _, steps = outcome(cloud, start(cloud, "hopeless"))
    assert steps["Evaluate"]["AttemptCount"] == 1
    assert steps["Evaluate"]["FailureReason"] == "AlgorithmError: See job logs for more information"


def test_stopped_execution_stops_its_processing_job(cloud: SmallCloud, quick: str) -> None:
    after = lambda_step("After", quick, {}, [], DependsOn=["Evaluate"])
    make_pipeline(cloud, "stoppable-processing", [_processing_step(cloud, "Evaluate", "wait"), after])
    arn = start(cloud, "stoppable-processing")
    client = cloud.client("sagemaker")

    def job() -> str | None:
        steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        metadata = steps[0].get("Metadata", {}) if steps else {}
        return metadata["ProcessingJob"]["Arn"].rpartition("/")[2] if metadata else None

    name = wait_for(job)
    wait_for(lambda: "ProcessingStartTime" in client.describe_processing_job(ProcessingJobName=name))
    client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="p" * 32)
    execution, steps = outcome(cloud, arn)
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert _statuses(steps) == {"Evaluate": "Stopped"}
    assert client.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped"


def test_job_that_is_stopped_externally_fails_its_step(cloud: SmallCloud) -> None:
    make_pipeline(cloud, "interfered", [_processing_step(cloud, "Evaluate", "wait")])
    arn = start(cloud, "interfered")
    client = cloud.client("sagemaker")

    def job() -> str | None:
        steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        metadata = steps[0].get("Metadata", {}) if steps else {}
        return metadata["ProcessingJob"]["Arn"].rpartition("/")[2] if metadata else None

    client.stop_processing_job(ProcessingJobName=wait_for(job))
    execution, steps = outcome(cloud, arn)
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert steps["Evaluate"]["FailureReason"] == "ClientError: The processing job stopped: Stopped."
