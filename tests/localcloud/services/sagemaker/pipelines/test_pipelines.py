import json
from typing import Any

import pytest

from tests.localcloud.services.sagemaker.pipelines.support import lambda_step, make_pipeline, outcome, start
from tests.localcloud.support import BUCKET, IMAGE, SmallCloud, wait_for


def _training_step(cloud: SmallCloud, name: str, hyperparameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    output = {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}/runs", {"Get": "Execution.PipelineExecutionId"}]}}
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": cloud.role_arn,
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments, **more}


def _register_step(group: str, train: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": {"Get": f"Steps.{train}.ModelArtifacts.S3ModelArtifacts"}}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arguments = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": specification,
        "ModelApprovalStatus": "PendingManualApproval",
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def test_steps_use_the_results_of_earlier_steps(cloud: SmallCloud) -> None:
    code = "def handler(event, context):\n    return {'answer': event['prefix'] + str(event['number']), 'more': 1}\n"
    arn = cloud.function("prepare", {"index.py": code})
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName="whole")
    arguments = {"prefix": {"Get": "Parameters.Prefix"}, "number": {"Get": "Parameters.Number"}}
    steps = [
        _register_step("whole", "Train"),
        _training_step(cloud, "Train", {"answer": {"Get": "Steps.Prepare.OutputParameters['answer']"}}),
        lambda_step("Prepare", arn, arguments, ["answer"], DisplayName="First of all"),
    ]
    make_pipeline(cloud, "whole", steps, Prefix=("String", None), Number=("Integer", 7))
    execution_arn = start(cloud, "whole", Prefix="a-")
    execution, ended = outcome(cloud, execution_arn)
    assert execution["PipelineExecutionStatus"] == "Succeeded", ended
    assert "FailureReason" not in execution
    assert list(ended) == ["Prepare", "Train", "Register"]
    assert {step["StepStatus"] for step in ended.values()} == {"Succeeded"}
    assert ended["Prepare"]["EndTime"] <= ended["Train"]["StartTime"]
    assert ended["Prepare"]["StepDisplayName"] == "First of all"
    assert ended["Prepare"]["Metadata"]["Lambda"] == {
        "Arn": arn,
        "OutputParameters": [{"Name": "answer", "Value": "a-7"}],
    }
    client = cloud.client("sagemaker")
    execution_id = execution_arn.rpartition("/")[2]
    job_name = ended["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert job_name.startswith(f"pipelines-{execution_id}-Train-")
    job = client.describe_training_job(TrainingJobName=job_name)
    assert job["HyperParameters"] == {"answer": "a-7"}
    assert job["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/runs/{execution_id}"
    package = client.describe_model_package(ModelPackageName=ended["Register"]["Metadata"]["RegisterModel"]["Arn"])
    assert package["ModelPackageVersion"] == 1
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    data = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert data == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert package["MetadataProperties"]["GeneratedBy"] == execution_arn
    given = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution_arn)["PipelineParameters"]
    assert given == [{"Name": "Prefix", "Value": "a-"}]
    definition = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution_arn)
    assert json.loads(definition["PipelineDefinition"])["Steps"] == steps


def test_failed_step_ends_the_execution_and_nothing_follows(cloud: SmallCloud) -> None:
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName="failing")
    steps = [_training_step(cloud, "Train", {"mode": "fail"}), _register_step("failing", "Train")]
    make_pipeline(cloud, "failing", steps)
    execution, ended = outcome(cloud, start(cloud, "failing"))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert list(ended) == ["Train"]
    assert ended["Train"]["FailureReason"] == "AlgorithmError: the corpus is empty, exit code: 1"
    listed = cloud.client("sagemaker").list_model_packages(ModelPackageGroupName="failing")
    assert listed["ModelPackageSummaryList"] == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def handler(event, context):\n    raise ValueError('nothing usable')\n", "nothing usable"),
        ("def handler(event, context):\n    return {'other': 1}\n", "did not return the output parameters answer"),
        ("def handler(event, context):\n    return None\n", "did not return the output parameters answer"),
    ],
)
def test_lambda_step_fails_with_the_functions_reason(
    cloud: SmallCloud, request: pytest.FixtureRequest, code: str, reason: str
) -> None:
    name = f"failing-function-{request.node.callspec.indices['code']}"
    arn = cloud.function(name, {"index.py": code})
    make_pipeline(cloud, name, [lambda_step("Prepare", arn, {}, ["answer"])])
    execution, ended = outcome(cloud, start(cloud, name))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert reason in ended["Prepare"]["FailureReason"]


def test_steps_wait_for_their_dependencies_and_otherwise_run_in_parallel(cloud: SmallCloud) -> None:
    code = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return {}\n"
    arn = cloud.function("slow", {"index.py": code})
    steps = [
        lambda_step("Last", arn, {}, [], DependsOn=["Left", "Right"]) | {"Arguments": 0},
        lambda_step("Left", arn, {}, []) | {"Arguments": 1},
        lambda_step("Right", arn, {}, []) | {"Arguments": 1},
    ]
    make_pipeline(cloud, "diamond", steps)
    execution, ended = outcome(cloud, start(cloud, "diamond"))
    assert execution["PipelineExecutionStatus"] == "Succeeded", ended
    assert ended["Right"]["StartTime"] < ended["Left"]["EndTime"]
    assert ended["Last"]["StartTime"] >= max(ended["Left"]["EndTime"], ended["Right"]["EndTime"])


def test_stopped_execution_stops_its_job(cloud: SmallCloud) -> None:
    arn = cloud.function("after", {"index.py": "def handler(event, context):\n    return {}\n"})
    steps = [
        _training_step(cloud, "Train", {"mode": "wait"}),
        lambda_step("After", arn, {}, [], DependsOn=["Train"]),
    ]
    make_pipeline(cloud, "stoppable", steps)
    execution_arn = start(cloud, "stoppable")
    client = cloud.client("sagemaker")

    def job() -> str | None:
        steps = client.list_pipeline_execution_steps(PipelineExecutionArn=execution_arn)["PipelineExecutionSteps"]
        metadata = steps[0].get("Metadata", {}) if steps else {}
        return metadata["TrainingJob"]["Arn"].rpartition("/")[2] if metadata else None

    name = wait_for(job)
    wait_for(lambda: (cloud.state / "jobs" / name / "algo-1" / "model" / "model.json").exists())
    client.stop_pipeline_execution(PipelineExecutionArn=execution_arn, ClientRequestToken="s" * 32)
    execution, ended = outcome(cloud, execution_arn)
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert {step: record["StepStatus"] for step, record in ended.items()} == {"Train": "Stopped"}
    assert client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Stopped"


def test_retry_resumes_a_failed_execution(cloud: SmallCloud) -> None:
    first = cloud.function(
        "retried-first", {"index.py": "def handler(event, context):\n    return {'answer': 'yes'}\n"}
    )
    code = (
        "import boto3\n"
        "def handler(event, context):\n"
        f"    boto3.client('s3').head_object(Bucket='{BUCKET}', Key='retried')\n"
        "    return event\n"
    )
    second = cloud.function("retried-second", {"index.py": code})
    answer = {"answer": {"Get": "Steps.First.OutputParameters['answer']"}}
    steps = [lambda_step("First", first, {}, ["answer"]), lambda_step("Second", second, answer, ["answer"])]
    make_pipeline(cloud, "retried", steps)
    arn = start(cloud, "retried")
    client = cloud.client("sagemaker")
    failed, ended = outcome(cloud, arn)
    assert failed["PipelineExecutionStatus"] == "Failed"
    again = {"PipelineExecutionArn": arn, "ClientRequestToken": "r" * 32}
    cloud.put("retried", "")
    for _ in range(2):  # One token is one retry.
        assert client.retry_pipeline_execution(**again)["PipelineExecutionArn"] == arn
    execution, steps_after = outcome(cloud, arn)
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps_after
    assert "FailureReason" not in execution
    assert execution["CreationTime"] == failed["CreationTime"]
    assert steps_after["First"] == ended["First"]
    assert steps_after["Second"]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "answer", "Value": "yes"}]
    assert len([line for line in cloud.log("/aws/lambda/retried-first") if line.startswith("START")]) == 1
    with pytest.raises(client.exceptions.ClientError, match=r"the status of .* is 'Succeeded'"):
        client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="n" * 32)


def test_parameters_are_validated_against_the_definition(cloud: SmallCloud) -> None:
    arn = cloud.function("typed", {"index.py": "def handler(event, context):\n    return {}\n"})
    step = lambda_step("Only", arn, {"number": {"Get": "Parameters.Number"}}, [])
    make_pipeline(cloud, "typed", [step], Number=("Integer", None))
    error = cloud.client("sagemaker").exceptions.ClientError
    with pytest.raises(error, match=r"ValidationException.*need a value: Number"):
        start(cloud, "typed")
    with pytest.raises(error, match="'many', which is not of type Integer"):
        start(cloud, "typed", Number="many")
    with pytest.raises(error, match="Unknown parameter 'Numbers'; the pipeline's parameters are: Number"):
        start(cloud, "typed", Number="1", Numbers="1")
    assert cloud.client("sagemaker").list_pipeline_executions(PipelineName="typed")["PipelineExecutionSummaries"] == []


def test_inconsistent_definition_is_refused(cloud: SmallCloud) -> None:
    error = cloud.client("sagemaker").exceptions.ClientError
    step = lambda_step("One", "arn", {"x": {"Get": "Steps.Two.OutputParameters['y']"}}, [])
    with pytest.raises(error, match="Step 'One' refers to Two, which is not a step"):
        make_pipeline(cloud, "dangling", [step])
    other = lambda_step("Two", "arn", {}, [], DependsOn=["One"])
    with pytest.raises(error, match="wait for each other"):
        make_pipeline(cloud, "circle", [step, other])
    with pytest.raises(error, match="Could not find pipeline"):
        start(cloud, "circle")


def test_unknown_step_type_fails_with_a_reason(cloud: SmallCloud) -> None:
    make_pipeline(cloud, "exotic", [{"Name": "Strange", "Type": "EMR", "Arguments": {}}])
    _, ended = outcome(cloud, start(cloud, "exotic"))
    assert "does not run steps of type EMR" in ended["Strange"]["FailureReason"]


def test_executions_are_listed_newest_first_in_pages(cloud: SmallCloud) -> None:
    arn = cloud.function("quick", {"index.py": "def handler(event, context):\n    return {}\n"})
    make_pipeline(cloud, "listed", [lambda_step("Only", arn, {}, [])])
    started = [start(cloud, "listed") for _ in range(3)]
    client = cloud.client("sagemaker")
    first = client.list_pipeline_executions(PipelineName="listed", MaxResults=2)
    rest = client.list_pipeline_executions(PipelineName="listed", MaxResults=2, NextToken=first["NextToken"])
    assert "NextToken" not in rest
    listed = [*first["PipelineExecutionSummaries"], *rest["PipelineExecutionSummaries"]]
    assert [item["PipelineExecutionArn"] for item in listed] == started[::-1]
    oldest = client.list_pipeline_executions(PipelineName="listed", SortOrder="Ascending")
    assert [item["PipelineExecutionArn"] for item in oldest["PipelineExecutionSummaries"]] == started
    for execution in started:
        outcome(cloud, execution)


def test_a_request_token_starts_one_execution(cloud: SmallCloud) -> None:
    arn = cloud.function("idempotent", {"index.py": "def handler(event, context):\n    return {}\n"})
    make_pipeline(cloud, "idempotent", [lambda_step("Only", arn, {}, [])])
    client = cloud.client("sagemaker")
    arns = {
        client.start_pipeline_execution(PipelineName="idempotent", ClientRequestToken="x" * 32)["PipelineExecutionArn"]
        for _ in range(2)
    }
    assert len(arns) == 1
