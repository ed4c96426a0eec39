"""The steps of a SageMaker pipeline, typed, as its definition writes them.

A step's ``arguments`` are the request of the API that the step calls; what is only known while the pipeline runs stands
in them as a reference. The format is what the SageMaker Python SDK writes; see
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-overview.html and ``sagemaker.workflow``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def _get(path: str) -> Json:
    return {"Get": path}


EXECUTION_ID = _get("Execution.PipelineExecutionId")
"""The id of the running execution, a path component without slashes."""
EXECUTION_ARN = _get("Execution.PipelineExecutionArn")
"""The ARN of the running execution."""


def join(on: str, *values: Json) -> Json:
    """Return the text of the values with ``on`` between them."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


def as_text(value: Json) -> Json:
    """Return the text of a value, which is what hyperparameters are."""
    return join("", value)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that whoever starts an execution gives; one without a default must be given."""

    name: str
    type: Literal["String", "Integer", "Float", "Boolean"]
    default: str | int | float | bool | None = None

    @property
    def value(self) -> Json:
        """Reference to the value."""
        return _get(f"Parameters.{self.name}")

    def definition(self) -> Json:
        """Return the parameter as the pipeline's definition declares it."""
        declared = {"Name": self.name, "Type": self.type}
        return declared if self.default is None else {**declared, "DefaultValue": self.default}


class Step(Protocol):
    """One step of a pipeline. A step that refers to another one waits for it."""

    @property
    def name(self) -> str:
        """The name, unique in the pipeline."""

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""


@dataclass(frozen=True, kw_only=True)
class LambdaStep:
    """Invokes a function, at most ten minutes.

    Attributes:
        arguments: the event.
        outputs: keys of the function's answer that other steps may refer to; each is text.
    """

    name: str
    function_arn: str
    arguments: Mapping[str, Json]
    outputs: Sequence[str]

    def output(self, name: str) -> Json:
        """Return a reference to one of the outputs.

        Raises:
            ValueError: the step has no such output.
        """
        if name not in self.outputs:
            raise ValueError(f"step {self.name} has no output {name!r}; it has {', '.join(self.outputs)}")
        return _get(f"Steps.{self.name}.OutputParameters['{name}']")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {
            "Name": self.name,
            "Type": "Lambda",
            "Arguments": self.arguments,
            "FunctionArn": self.function_arn,
            "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in self.outputs],
        }


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Runs a training job.

    Attributes:
        arguments: the request of ``CreateTrainingJob``, without the name, which the pipeline makes.
    """

    name: str
    arguments: Mapping[str, Json]

    @property
    def model_artifacts(self) -> Json:
        """Reference to the S3 URI of the job's ``model.tar.gz``."""
        return _get(f"Steps.{self.name}.ModelArtifacts.S3ModelArtifacts")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {"Name": self.name, "Type": "Training", "Arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class RegisterModelStep:
    """Makes a version in the model registry.

    Attributes:
        arguments: the request of ``CreateModelPackage``.
    """

    name: str
    arguments: Mapping[str, Json]

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {"Name": self.name, "Type": "RegisterModel", "Arguments": self.arguments}


def pipeline_definition(*, parameters: Sequence[Parameter], steps: Sequence[Step]) -> Json:
    """Return the definition of a pipeline, for ``Stack.to_json_string``."""
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [parameter.definition() for parameter in parameters],
        "Steps": [step.definition() for step in steps],
    }
