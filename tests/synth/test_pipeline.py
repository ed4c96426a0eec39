"""The deployed pipeline's definition, held against botocore's model of the API that each step calls."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from constructs.pipeline_steps import LambdaStep
from tests.synth.assembly import ROOT, Assembly, JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.requests import problems

_EXECUTION = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-dev/execution/abcdefghijkl"
_RUN = {
    "Parameters.CorpusUri": "s3://databucket/raw/corpus.csv",
    "Execution.PipelineExecutionId": "abcdefghijkl",
    "Execution.PipelineExecutionArn": _EXECUTION,
    "Steps.Train.ModelArtifacts.S3ModelArtifacts": "s3://databucket/models/abcdefghijkl/job/output/model.tar.gz",
    "Steps.Preprocess.OutputParameters['feature_dim']": "5000",
}


@pytest.fixture
def deployment(assembly: Assembly, environment: str) -> Deployment:
    return Deployment(assembly, environment)


@pytest.fixture
def definition(deployment: Deployment) -> JsonObject:
    return deployment.pipeline_definition()


def _step(definition: JsonObject, name: str) -> JsonObject:
    (step,) = (step for step in definition["Steps"] if step["Name"] == name)
    assert isinstance(step, dict)
    return step


def _as_executed(definition: JsonObject, value: Any) -> Any:
    """Return the value with what SageMaker would put in the place of references."""
    defaults = {f"Parameters.{one['Name']}": one.get("DefaultValue") for one in definition["Parameters"]}
    match value:
        case {"Get": path}:
            known = {**defaults, **_RUN}
            return known[path] if path in known else f"s3://databucket/{re.sub(r'[^a-z_]', '', path)}"
        case {"Std:Join": {"On": separator, "Values": parts}}:
            return separator.join(str(_as_executed(definition, part)) for part in parts)
        case dict():
            return {key: _as_executed(definition, item) for key, item in value.items()}
        case list():
            return [_as_executed(definition, item) for item in value]
        case _:
            return value


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Get": str(path)}:
            yield path
        case dict():
            for item in value.values():
                yield from _references(item)
        case list():
            for item in value:
                yield from _references(item)


def test_steps_in_their_order(definition: JsonObject) -> None:
    assert definition["Version"] == "2020-12-01"
    assert [(step["Name"], step["Type"]) for step in definition["Steps"]] == [
        ("Preprocess", "Lambda"),
        ("Train", "Training"),
        ("Register", "RegisterModel"),
    ]


def test_parameters(definition: JsonObject) -> None:
    assert definition["Parameters"] == [
        {"Name": "CorpusUri", "Type": "String"},
        {"Name": "TextColumns", "Type": "String", "DefaultValue": "text"},
        {"Name": "IdColumn", "Type": "String", "DefaultValue": "id"},
        {"Name": "NumTopics", "Type": "Integer", "DefaultValue": 20},
    ]


def test_each_reference_leads_to_a_parameter_or_an_earlier_step(definition: JsonObject) -> None:
    known = {f"Parameters.{parameter['Name']}" for parameter in definition["Parameters"]}
    known |= {"Execution.PipelineExecutionId", "Execution.PipelineExecutionArn"}
    for step in definition["Steps"]:
        assert set(_references(step)) <= known, step["Name"]
        outputs = [output["OutputName"] for output in step.get("OutputParameters", [])]
        known |= {f"Steps.{step['Name']}.OutputParameters['{name}']" for name in outputs}
        if step["Type"] == "Training":
            known.add(f"Steps.{step['Name']}.ModelArtifacts.S3ModelArtifacts")


def test_preprocess_is_an_event_that_the_function_takes(definition: JsonObject) -> None:
    event = _as_executed(definition, _step(definition, "Preprocess")["Arguments"])
    assert re.fullmatch(r"s3://databucket\w+/bow/abcdefghijkl", event["output_uri"])
    read = "import json, sys; from settings import Settings; Settings.from_event(json.load(sys.stdin))"
    folder = ROOT / "lambdas" / "preprocess"
    subprocess.run([sys.executable, "-c", read], cwd=folder, input=json.dumps(event), text=True, check=True)


def test_preprocess_invokes_the_deployed_function(deployment: Deployment, definition: JsonObject) -> None:
    (function,) = deployment.resources("training", "AWS::Lambda::Function")
    assert _step(definition, "Preprocess")["FunctionArn"].endswith(f":function:{function}")


def test_train_is_a_request_that_sagemaker_takes(definition: JsonObject) -> None:
    request = _as_executed(definition, _step(definition, "Train")["Arguments"])
    assert problems("CreateTrainingJob", {"TrainingJobName": "pipelines-abcdefghijkl-Train-x", **request}) == []


def test_register_is_a_request_that_sagemaker_takes(definition: JsonObject) -> None:
    request = _as_executed(definition, _step(definition, "Register")["Arguments"])
    assert problems("CreateModelPackage", request) == []


def test_train_reads_what_preprocess_wrote(definition: JsonObject) -> None:
    channels = _step(definition, "Train")["Arguments"]["InputDataConfig"]
    for channel in channels:
        source = channel["DataSource"]["S3DataSource"]
        assert source["S3Uri"] == {"Get": f"Steps.Preprocess.OutputParameters['{channel['ChannelName']}_uri']"}
    assert {channel["ChannelName"]: channel["ContentType"] for channel in channels} == {
        "train": "application/x-recordio-protobuf",
        "validation": "application/x-recordio-protobuf",
        "test": "application/x-recordio-protobuf",
        "auxiliary": "text/plain",
    }


def test_hyperparameters_are_text(definition: JsonObject) -> None:
    values = _as_executed(definition, _step(definition, "Train")["Arguments"]["HyperParameters"])
    assert (values["feature_dim"], values["num_topics"]) == ("5000", "20")
    assert all(isinstance(value, str) for value in values.values())


def test_train_is_isolated_encrypted_and_on_a_gpu(deployment: Deployment, definition: JsonObject) -> None:
    request = _step(definition, "Train")["Arguments"]
    (key,) = deployment.resources("data", "AWS::KMS::Key")
    assert request["EnableNetworkIsolation"] is True
    assert request["OutputDataConfig"]["KmsKeyId"].endswith(f":key/{key}")
    assert request["ResourceConfig"]["InstanceType"].startswith("ml.g")
    assert "VolumeKmsKeyId" not in request["ResourceConfig"]


def test_the_metrics_are_found_in_the_log(definition: JsonObject) -> None:
    prefix = "[11/20/2026 10:00:00 INFO 140] #quality_metric: host=algo-1, epoch=3, "
    log = {
        "train:total_loss": "train total_loss <loss>=7.0219",
        "validation:total_loss": "validation total_loss <loss>=7.0219",
        "validation:npmi": "validation npmi <score>=7.0219",
        "validation:tu": "validation tu <score>=7.0219",
        "validation:npmi_tu": "validation npmi_tu <score>=7.0219",
    }
    metrics = _step(definition, "Train")["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"]
    for metric in metrics:
        found = {name for name, line in log.items() if re.search(metric["Regex"], prefix + line)}
        assert found == {metric["Name"]}
        match = re.search(metric["Regex"], prefix + log[metric["Name"]])
        assert match
        assert match[1] == "7.0219"
    assert {metric["Name"] for metric in metrics} == set(log)


def test_register_waits_for_a_person(deployment: Deployment, definition: JsonObject) -> None:
    request = _step(definition, "Register")["Arguments"]
    group = deployment.resource("training", "AWS::SageMaker::ModelPackageGroup")
    assert request["ModelApprovalStatus"] == "PendingManualApproval"
    assert request["ModelPackageGroupName"] == group["ModelPackageGroupName"] == deployment.name
    assert request["CustomerMetadataProperties"] == {
        "CorpusUri": {"Get": "Parameters.CorpusUri"},
        "PipelineExecutionArn": {"Get": "Execution.PipelineExecutionArn"},
    }


def test_the_model_is_served_with_the_image_that_trained_it(definition: JsonObject) -> None:
    (container,) = _step(definition, "Register")["Arguments"]["InferenceSpecification"]["Containers"]
    assert container["Image"] == _step(definition, "Train")["Arguments"]["AlgorithmSpecification"]["TrainingImage"]
    assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["ResourceConfig", "InstanceType"], "ml.g5.nano", "is none of"),
        (["RoleArn"], "arn:aws:iam::123456789012:user/Trainer", "does not match"),
        (["StoppingCondition", "MaxRuntimeInSeconds"], "3600", "Invalid type"),
        (["OutputDataConfig", "S3OutputUri"], "s3://bucket", "Unknown parameter"),
        (["HyperParameters", "epochs"], 60, "Invalid type"),
    ],
)
def test_a_request_that_sagemaker_refuses_is_found(
    definition: JsonObject, path: list[str], value: object, problem: str
) -> None:
    request = _as_executed(definition, _step(definition, "Train")["Arguments"])
    *parents, name = path
    section = request
    for parent in parents:
        section = section[parent]
    section[name] = value
    (found,) = problems("CreateTrainingJob", {"TrainingJobName": "job", **request})
    assert problem in found


def test_a_reference_to_an_output_that_a_step_has_not() -> None:
    step = LambdaStep(name="Preprocess", function_arn="arn", arguments={}, outputs=["feature_dim", "meta_uri"])
    with pytest.raises(ValueError, match="step Preprocess has no output 'vocabulary'; it has feature_dim, meta_uri"):
        step.output("vocabulary")
