"""Reader of pipeline definitions: steps at any depth, references, and their values at run time."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from tests.synth.assembly import JsonObject
from tests.synth.cloudformation import ACCOUNT, REGION

OPERATIONS = {
    "Tuning": "CreateHyperParameterTuningJob",
    "Training": "CreateTrainingJob",
    "Processing": "CreateProcessingJob",
    "Model": "CreateModel",
    "Transform": "CreateTransformJob",
    "RegisterModel": "CreateModelPackage",
}
"""The operation that a step of a type calls with its arguments."""

NAMES = {
    "Tuning": "HyperParameterTuningJobName",
    "Training": "TrainingJobName",
    "Processing": "ProcessingJobName",
    "Model": "ModelName",
    "Transform": "TransformJobName",
}
"""The member of the request for which the pipeline makes a name."""

_RUN = {
    "Parameters.CorpusUri": "s3://databucket/raw/corpus.csv",
    "Execution.PipelineExecutionId": "abcdefghijkl",
    "Execution.PipelineExecutionArn": (
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/topicsmith-dev/execution/abcdefghijkl"
    ),
    "Steps.Train.ModelArtifacts.S3ModelArtifacts": "s3://databucket/models/abcdefghijkl/job/output/model.tar.gz",
    "Steps.Train.TrainingJobName": "pipelines-abcdefghijkl-Train-x",
    "Steps.Tune.HyperParameterTuningJobName": "abcdefghijkl-Tune-x",
    "Steps.CreateModel.ModelName": "pipelines-abcdefghijkl-CreateModel-x",
    "Steps.Preprocess.OutputParameters['feature_dim']": "5000",
    "Steps.Preprocess.OutputParameters['corpus']": "s3://databucket/raw/corpus.csv",
    "Steps.Preprocess.OutputParameters['corpus_version']": "0123456789abcdef",
}


def steps_of(definition: JsonObject) -> list[JsonObject]:
    """Return all steps; the branches of a condition follow it."""
    return list(_flat(definition["Steps"]))


def _flat(steps: Sequence[JsonObject]) -> Iterator[JsonObject]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _flat(step["Arguments"]["IfSteps"])
            yield from _flat(step["Arguments"]["ElseSteps"])


def step_of(definition: JsonObject, name: str) -> JsonObject:
    """Return the step with this name."""
    (step,) = (step for step in steps_of(definition) if step["Name"] == name)
    return step


def arguments_of(definition: JsonObject, name: str) -> JsonObject:
    """Return the arguments of the step with this name, unresolved."""
    arguments = step_of(definition, name)["Arguments"]
    assert isinstance(arguments, dict)
    return arguments


def as_executed(definition: JsonObject, value: Any) -> Any:
    """Return the value with references replaced as SageMaker would replace them."""
    defaults = {f"Parameters.{one['Name']}": one.get("DefaultValue") for one in definition["Parameters"]}
    match value:
        case {"Get": path}:
            known = {**defaults, **_RUN}
            return known[path] if path in known else f"s3://databucket/{re.sub(r'[^a-z_]', '', path)}"
        case {"Std:Join": {"On": separator, "Values": parts}}:
            return separator.join(str(as_executed(definition, part)) for part in parts)
        case {"Std:JsonGet": {"Path": path}}:
            return f"value of {path}"
        case dict():
            return {key: as_executed(definition, item) for key, item in value.items()}
        case list():
            return [as_executed(definition, item) for item in value]
        case _:
            return value


def references(value: Any) -> Iterator[str]:
    """Yield the paths of the references in a value."""
    match value:
        case {"Get": str(path)}:
            yield path
        case dict():
            for item in value.values():
                yield from references(item)
        case list():
            for item in value:
                yield from references(item)


def has_property(step: JsonObject, path: str) -> bool:
    """Return whether the rest of a reference, after the step's name, exists in the step's properties."""
    match step["Type"]:
        case "Lambda":
            return path in {f"OutputParameters['{output['OutputName']}']" for output in step["OutputParameters"]}
        case "Model":
            return path == "ModelName"
        case "Processing" if path.startswith("PropertyFiles."):
            return path in {f"PropertyFiles.{file['PropertyFileName']}" for file in step["PropertyFiles"]}
        case type_ if type_ in NAMES:
            operation = OPERATIONS[type_].replace("Create", "Describe")
            model = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
            return _leads_somewhere(model.output_shape, re.findall(r"\w+", path))
        case _:
            return False


def _leads_somewhere(shape: Shape | None, names: Sequence[str]) -> bool:
    if not names:
        return True
    match shape:
        case StructureShape():
            return names[0] in shape.members and _leads_somewhere(shape.members[names[0]], names[1:])
        case MapShape():
            return _leads_somewhere(shape.value, names[1:])
        case ListShape():
            return _leads_somewhere(shape.member, names[1:])
        case _:
            return False
