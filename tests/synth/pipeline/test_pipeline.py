"""The deployed pipelines' definitions, validated by botocore's model of the API that each step calls."""

import json
import re
import subprocess
import sys

import pytest

from constructs.definition.steps import LambdaStep, ProcessingStep, PropertyFile, TuningStep
from tests.synth.assembly import ROOT, JsonObject
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.pipeline import (
    NAMES,
    OPERATIONS,
    arguments_of,
    as_executed,
    has_property,
    references,
    step_of,
    steps_of,
)
from tests.synth.pipeline.requests import problems

_JOBS = ("Tuning", "Training", "Processing", "Transform")


def _outline(steps: list[JsonObject]) -> list[object]:
    return [
        (step["Name"], _outline(step["Arguments"]["IfSteps"]), _outline(step["Arguments"]["ElseSteps"]))
        if step["Type"] == "Condition"
        else step["Name"]
        for step in steps
    ]


def test_steps_in_their_order(definition: JsonObject) -> None:
    assert definition["Version"] == "2020-12-01"
    gate = ("Gate", ["Register", "CreateModel", "Vectorize"], ["Rejected"])
    assert _outline(definition["Steps"]) == ["Preprocess", "Tune", "Train", "Evaluate", gate]


def test_the_built_in_algorithm_reads_the_held_out_documents_before_the_gate(
    definitions: dict[str, JsonObject],
) -> None:
    gate = ("Gate", ["Register", "Vectorize"], ["Rejected"])
    assert _outline(definitions["builtin"]["Steps"]) == [
        "Preprocess",
        "Tune",
        "Train",
        "CreateModel",
        "Score",
        "Evaluate",
        gate,
    ]


def test_disabled_features_have_no_steps(definitions: dict[str, JsonObject]) -> None:
    gate = ("Gate", ["Register"], ["Rejected"])
    assert _outline(definitions["short"]["Steps"]) == ["Preprocess", "Train", "Evaluate", gate]


def test_parameters(definition: JsonObject) -> None:
    assert definition["Parameters"] == [
        {"Name": "CorpusUri", "Type": "String"},
        {"Name": "TextColumns", "Type": "String", "DefaultValue": "text"},
        {"Name": "IdColumn", "Type": "String", "DefaultValue": "id"},
        {"Name": "NumTopics", "Type": "Integer", "DefaultValue": 20},
    ]


def test_names_are_unique_at_any_depth(any_definition: JsonObject) -> None:
    names = [step["Name"] for step in steps_of(any_definition)]
    assert len(set(names)) == len(names)


def test_each_reference_resolves_to_a_parameter_or_an_earlier_step(any_definition: JsonObject) -> None:
    known = {f"Parameters.{parameter['Name']}" for parameter in any_definition["Parameters"]}
    known |= {"Execution.PipelineExecutionId", "Execution.PipelineExecutionArn"}
    earlier: dict[str, JsonObject] = {}
    for step in steps_of(any_definition):
        own = {**step, "Arguments": {**step["Arguments"], "IfSteps": [], "ElseSteps": []}}
        for reference in set(references(own)) - known:
            _, name, path = reference.split(".", 2)
            assert has_property(earlier[name], path), f"{step['Name']}: {reference}"
        earlier[step["Name"]] = step


def test_sagemaker_accepts_each_request(any_definition: JsonObject) -> None:
    for step in steps_of(any_definition):
        if step["Type"] not in OPERATIONS:
            continue
        request = as_executed(any_definition, step["Arguments"])
        if step["Type"] in NAMES:
            request[NAMES[step["Type"]]] = "abcdefghijkl-x"
        assert problems(OPERATIONS[step["Type"]], request) == [], step["Name"]


def test_every_job_carries_the_environments_tags_and_the_runs(environment: str, definition: JsonObject) -> None:
    for step in steps_of(definition):
        tags = {tag["Key"]: tag["Value"] for tag in step["Arguments"].get("Tags", [])}
        if step["Type"] in _JOBS or step["Type"] == "Model":
            assert (tags["project"], tags["environment"]) == ("topicsmith", environment), step["Name"]
            # A run's tag would be wrong on a job that another run finds in the cache.
            run = None if step["Type"] == "Tuning" else {"Get": "Execution.PipelineExecutionId"}
            assert tags.get("topicsmith:run") == run, step["Name"]
        else:
            assert tags == {}, step["Name"]


def test_jobs_are_retried_only_after_platform_failures(definition: JsonObject) -> None:
    """Policies for ``Step.…`` would replace SageMaker's own retries of API calls."""
    for step in steps_of(definition):
        policies = step.get("RetryPolicies", [])
        assert len(policies) == (1 if step["Type"] in _JOBS else 0), step["Name"]
        assert {type_ for policy in policies for type_ in policy["ExceptionType"]} <= {
            "SageMaker.JOB_INTERNAL_ERROR",
            "SageMaker.CAPACITY_ERROR",
            "SageMaker.RESOURCE_LIMIT",
        }


def test_without_retries_sagemakers_own_remain(definitions: dict[str, JsonObject]) -> None:
    assert "RetryPolicies" not in step_of(definitions["short"], "Train")


def test_the_preprocessing_function_accepts_the_steps_event(any_definition: JsonObject) -> None:
    event = as_executed(any_definition, arguments_of(any_definition, "Preprocess"))
    assert re.fullmatch(r"s3://databucket\w+/bow", event["output_uri"])
    read = "import json, sys; from common.settings import Settings; Settings.from_event(json.load(sys.stdin))"
    folder = ROOT / "lambdas" / "preprocess"
    subprocess.run([sys.executable, "-c", read], cwd=folder, input=json.dumps(event), text=True, check=True)


def test_preprocess_invokes_the_deployed_function(deployment: Deployment, definition: JsonObject) -> None:
    functions = deployment.resources("training", "AWS::Lambda::Function")
    (function,) = (name for name in functions if name.startswith("Preprocessing"))
    assert functions[function]["Properties"]["EphemeralStorage"] == {"Size": 4096}
    assert step_of(definition, "Preprocess")["FunctionArn"].endswith(f":function:{function}")


def test_preprocess_makes_a_part_for_each_host(definition: JsonObject, definitions: dict[str, JsonObject]) -> None:
    assert arguments_of(definition, "Preprocess")["train_shards"] == "1"
    assert arguments_of(definitions["spot"], "Preprocess")["train_shards"] == "2"


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
def test_an_invalid_request_is_found(definition: JsonObject, path: list[str], value: object, problem: str) -> None:
    request = as_executed(definition, arguments_of(definition, "Train"))
    *parents, name = path
    section = request
    for parent in parents:
        section = section[parent]
    section[name] = value
    (found,) = problems("CreateTrainingJob", {"TrainingJobName": "job", **request})
    assert problem in found


def test_an_invalid_reference_to_a_step() -> None:
    preprocess = LambdaStep(name="Preprocess", function_arn="arn", arguments={}, outputs=["feature_dim", "meta_uri"])
    with pytest.raises(ValueError, match="has no output 'vocabulary'; available: feature_dim, meta_uri"):
        preprocess.output("vocabulary")
    tune = TuningStep(name="Tune", arguments={}, tuned=["optimizer", "weight_decay"])
    with pytest.raises(ValueError, match="step Tune does not tune 'epochs'; tuned: optimizer, weight_decay"):
        tune.best("epochs")
    file = PropertyFile(name="Evaluation", output="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(name="Evaluate", arguments={}, property_files=[file])
    with pytest.raises(ValueError, match="step Evaluate has no property file 'Report'; available: Evaluation"):
        evaluate.property_file("Report")
