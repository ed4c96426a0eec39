"""Evaluation, gate, model registry and batch transform."""

import pytest

from constructs.pipeline.quality_gate import CHECKS
from ntm.evaluation.gate import GATED
from ntm.evaluation.request import EvaluationRequest
from stacks.config.sections.evaluation import GateConfig
from tests.synth.assembly import JsonObject
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.pipeline import arguments_of, as_executed, step_of

_PROPERTY_FILE = {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"}


def _options(definition: JsonObject) -> list[tuple[str, str]]:
    given = arguments_of(definition, "Evaluate")["AppSpecification"]["ContainerArguments"]
    return list(zip(given[::2], given[1::2], strict=True))


def test_the_evaluation_gets_the_settings_of_the_environment(definitions: dict[str, JsonObject]) -> None:
    assert _options(definitions["dev"]) == [
        ("--environment", "dev"),
        ("--algorithm", "container"),
        ("--baseline-iterations", "100"),
        ("--map-documents", "2000"),
        ("--quote-documents", "true"),
        ("--gate", "topic_uniqueness:at_least:0.3"),
        ("--gate", "npmi_over_baseline:at_least:0.0"),
    ]
    assert ("--algorithm", "builtin") in _options(definitions["builtin"])
    assert ("--quote-documents", "false") in _options(definitions["short"])


def test_the_evaluation_gets_the_runs_parameters(definitions: dict[str, JsonObject]) -> None:
    facts = {
        "EXECUTION_ARN": {"Get": "Execution.PipelineExecutionArn"},
        "NUM_TOPICS": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.NumTopics"}]}},
        "TRAINING_JOB": {"Get": "Steps.Train.TrainingJobName"},
    }
    tuning = {"TUNING_JOB": {"Get": "Steps.Tune.HyperParameterTuningJobName"}}
    assert arguments_of(definitions["dev"], "Evaluate")["Environment"] == {**facts, **tuning}
    assert arguments_of(definitions["short"], "Evaluate")["Environment"] == facts


def test_the_evaluation_reads_model_and_documents(definitions: dict[str, JsonObject]) -> None:
    def inputs(name: str) -> dict[str, object]:
        return {
            one["InputName"]: one["S3Input"]["S3Uri"]
            for one in arguments_of(definitions[name], "Evaluate")["ProcessingInputs"]
        }

    outputs = "Steps.Preprocess.OutputParameters"
    ours = {
        "model": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
        "train": {"Get": f"{outputs}['train_uri']"},
        "heldout": {"Get": f"{outputs}['heldout_uri']"},
        "auxiliary": {"Get": f"{outputs}['auxiliary_uri']"},
        "meta": {"Get": f"{outputs}['meta_uri']"},
    }
    assert inputs("dev") == ours
    assert inputs("builtin") == {**ours, "scores": {"Get": "Steps.Score.TransformOutput.S3OutputPath"}}
    assert str(inputs("short")["vectors"]).endswith("/raw/glove.txt")


def test_the_projects_image_evaluates_every_algorithm(definitions: dict[str, JsonObject]) -> None:
    ours = arguments_of(definitions["dev"], "CreateModel")["PrimaryContainer"]["Image"]
    for name in ("dev", "prod", "builtin"):
        image = arguments_of(definitions[name], "Evaluate")["AppSpecification"]["ImageUri"]
        assert image == ours.replace("/topicsmith-dev-images:", f"/topicsmith-{name}-images:")


def test_the_gate_has_the_environments_thresholds(definitions: dict[str, JsonObject]) -> None:
    def value(path: str) -> JsonObject:
        return {"Std:JsonGet": {"PropertyFile": _PROPERTY_FILE, "Path": path}}

    least = "GreaterThanOrEqualTo"
    assert arguments_of(definitions["prod"], "Gate")["Conditions"] == [
        {"Type": least, "LeftValue": value("metrics.npmi"), "RightValue": 0.1},
        {"Type": least, "LeftValue": value("metrics.topic_uniqueness"), "RightValue": 0.5},
        {"Type": least, "LeftValue": value("against_baseline.npmi"), "RightValue": 0},
    ]


def test_the_gate_and_the_reports_verdict_have_the_same_thresholds(any_definition: JsonObject) -> None:
    told = [value.split(":") for option, value in _options(any_definition) if option == "--gate"]
    kinds = {"GreaterThanOrEqualTo": "at_least", "LessThanOrEqualTo": "at_most"}
    held = [
        (one["LeftValue"]["Std:JsonGet"]["Path"], kinds[one["Type"]], one["RightValue"])
        for one in arguments_of(any_definition, "Gate")["Conditions"]
    ]
    assert [(CHECKS[name].path, kind, float(threshold)) for name, kind, threshold in told] == held


def test_every_threshold_that_can_be_set_is_checked_and_explained() -> None:
    assert CHECKS.keys() == GateConfig.model_fields.keys()
    assert {name: check.path for name, check in CHECKS.items()} == {
        name: ".".join(path) for name, path in GATED.items()
    }


def test_the_evaluation_can_parse_its_arguments(any_definition: JsonObject) -> None:
    arguments = arguments_of(any_definition, "Evaluate")
    told = {**as_executed(any_definition, arguments["Environment"]), "NUM_TOPICS": "20"}
    request = EvaluationRequest.read(arguments["AppSpecification"]["ContainerArguments"], told)
    least_or_greatest = {"GreaterThanOrEqualTo": "at_least", "LessThanOrEqualTo": "at_most"}
    assert [(threshold.kind, threshold.value) for threshold in request.thresholds] == [
        (least_or_greatest[one["Type"]], one["RightValue"])
        for one in arguments_of(any_definition, "Gate")["Conditions"]
    ]
    assert (request.tuning_job is None) is ("TUNING_JOB" not in arguments["Environment"])


def test_parameters_of_a_run_cannot_change_the_gate(any_definition: JsonObject) -> None:
    assert "Parameters." not in str(arguments_of(any_definition, "Gate")["Conditions"])


def test_a_rejected_run_is_reported_with_reason_and_report(definition: JsonObject) -> None:
    message = as_executed(definition, arguments_of(definition, "Rejected")["ErrorMessage"])
    assert message.startswith("value of gate.reason. See s3://databucket")
    assert message.endswith("/evaluation/abcdefghijkl/report.html")


def test_the_property_file_is_written_by_the_evaluation(definition: JsonObject) -> None:
    (file,) = step_of(definition, "Evaluate")["PropertyFiles"]
    assert file == {"PropertyFileName": "Evaluation", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    (output,) = arguments_of(definition, "Evaluate")["ProcessingOutputConfig"]["Outputs"]
    assert output["OutputName"] == "evaluation"
    assert as_executed(definition, output["S3Output"]["S3Uri"]).endswith("/evaluation/abcdefghijkl")


def test_a_registered_model_needs_manual_approval(deployment: Deployment, definition: JsonObject) -> None:
    request = arguments_of(definition, "Register")
    group = deployment.resource("training", "AWS::SageMaker::ModelPackageGroup")
    assert request["ModelApprovalStatus"] == "PendingManualApproval"
    assert request["ModelPackageGroupName"] == group["ModelPackageGroupName"] == deployment.name


def test_a_registered_model_has_its_origin_and_metrics(definitions: dict[str, JsonObject]) -> None:
    request = as_executed(definitions["dev"], arguments_of(definitions["dev"], "Register"))
    properties = request["CustomerMetadataProperties"]
    image = request["InferenceSpecification"]["Containers"][0]["Image"]
    assert image.endswith(properties["CodeVersion"])
    assert request["MetadataProperties"]["CommitId"] == properties["CodeVersion"]
    assert properties == {
        "CorpusUri": "s3://databucket/raw/corpus.csv",
        "CorpusVersion": "0123456789abcdef",
        "CodeVersion": properties["CodeVersion"],
        "PipelineExecutionArn": request["MetadataProperties"]["GeneratedBy"],
        "Algorithm": "container",
        "TrainingJob": "pipelines-abcdefghijkl-Train-x",
        "TuningJob": "abcdefghijkl-Tune-x",
        "NumTopics": "20",
        "Npmi": "value of metrics.npmi",
        "TopicUniqueness": "value of metrics.topic_uniqueness",
        "Perplexity": "value of metrics.perplexity",
    }
    metrics = request["ModelMetrics"]
    assert metrics["ModelQuality"]["Statistics"]["S3Uri"].endswith("/evaluation/abcdefghijkl/evaluation.json")
    assert metrics["Explainability"]["Report"]["S3Uri"].endswith("/evaluation/abcdefghijkl/report.html")
    assert "TuningJob" not in arguments_of(definitions["short"], "Register")["CustomerMetadataProperties"]


def test_batch_transform_runs_the_registered_container(any_definition: JsonObject) -> None:
    (container,) = arguments_of(any_definition, "Register")["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    if any(step["Name"] == "CreateModel" for step in any_definition["Steps"]):
        assert arguments_of(any_definition, "CreateModel")["PrimaryContainer"] == container


@pytest.mark.parametrize(
    ("environment", "step", "documents", "output"),
    [("dev", "Vectorize", "documents_uri", "vectors"), ("builtin", "Score", "scoring_uri", "scores")],
)
def test_documents_are_transformed_line_by_line_and_keep_their_ids(
    definitions: dict[str, JsonObject], environment: str, step: str, documents: str, output: str
) -> None:
    request = arguments_of(definitions[environment], step)
    source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == {"Get": f"Steps.Preprocess.OutputParameters['{documents}']"}
    target = as_executed(definitions[environment], request["TransformOutput"]["S3OutputPath"])
    assert target.endswith(f"/{output}/abcdefghijkl")
    assert request["ModelName"] == {"Get": "Steps.CreateModel.ModelName"}
    assert request["DataProcessing"] == {
        "InputFilter": "$.instance",
        "JoinSource": "Input",
        "OutputFilter": "$['id','SageMakerOutput']",
    }
    assert all(len(request["DataProcessing"][name]) <= 63 for name in ("InputFilter", "OutputFilter"))
