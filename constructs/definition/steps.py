"""The steps of a SageMaker pipeline, typed, as its definition writes them.

A step's ``arguments`` are the request of the API that the step calls; what is only known while the pipeline runs stands
in them as a reference. The format is what the SageMaker Python SDK writes; see
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-overview.html and ``sagemaker.workflow``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from constructs.definition.expressions import Json, get


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that whoever starts an execution gives; one without a default must be given."""

    name: str
    type: Literal["String", "Integer", "Float", "Boolean"]
    default: str | int | float | bool | None = None

    @property
    def value(self) -> Json:
        """Reference to the value."""
        return get(f"Parameters.{self.name}")

    def definition(self) -> Json:
        """Return the parameter as the pipeline's definition declares it."""
        declared = {"Name": self.name, "Type": self.type}
        return declared if self.default is None else {**declared, "DefaultValue": self.default}


@dataclass(frozen=True, kw_only=True)
class Retry:
    """When a step is tried again, with a pause that doubles each time.

    Attributes:
        exceptions: what must have happened, in the words of SageMaker Pipelines.
        interval_seconds: the pause before the first retry.
        attempts: retries at most, from 1 to 20.
    """

    exceptions: Sequence[str]
    interval_seconds: int
    attempts: int

    def definition(self) -> Json:
        """Return the policy as a step's definition writes it."""
        return {
            "ExceptionType": self.exceptions,
            "IntervalSeconds": self.interval_seconds,
            "BackoffRate": 2,
            "MaxAttempts": self.attempts,
        }


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A step with the arguments of an earlier one takes that one's result.

    Attributes:
        days: the age at which a result is no longer taken.
    """

    days: int

    def definition(self) -> Json:
        """Return the cache's configuration as a step's definition writes it."""
        return {"Enabled": True, "ExpireAfter": f"P{self.days}D"}


@dataclass(frozen=True, kw_only=True)
class PropertyFile:
    """A JSON file among a processing job's outputs of which conditions and other steps read values.

    Attributes:
        name: unique in the pipeline.
        output: the job's output that has the file.
        path: the file in the output.
    """

    name: str
    output: str
    path: str

    def definition(self) -> Json:
        """Return the file as a step's definition declares it."""
        return {"PropertyFileName": self.name, "OutputName": self.output, "FilePath": self.path}


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
        return get(f"Steps.{self.name}.OutputParameters['{name}']")

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
class TuningStep:
    """Runs a hyperparameter tuning job.

    Attributes:
        arguments: the request of ``CreateHyperParameterTuningJob``, without the name, which the pipeline makes.
        tuned: the hyperparameters that the job looks for.
    """

    name: str
    arguments: Mapping[str, Json]
    tuned: Sequence[str]
    retries: Sequence[Retry] = ()
    cache: Cache | None = None

    @property
    def job_name(self) -> Json:
        """Reference to the job's name."""
        return get(f"Steps.{self.name}.HyperParameterTuningJobName")

    def best(self, hyperparameter: str) -> Json:
        """Return a reference to the value of a hyperparameter in the best training job.

        Raises:
            ValueError: the job does not tune it.
        """
        if hyperparameter not in self.tuned:
            raise ValueError(f"step {self.name} does not tune {hyperparameter!r}; it tunes {', '.join(self.tuned)}")
        return get(f"Steps.{self.name}.BestTrainingJob.TunedHyperParameters['{hyperparameter}']")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        cache = {} if self.cache is None else {"CacheConfig": self.cache.definition()}
        return {**_step(self.name, "Tuning", self.arguments, self.retries), **cache}


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Runs a training job.

    Attributes:
        arguments: the request of ``CreateTrainingJob``, without the name, which the pipeline makes.
    """

    name: str
    arguments: Mapping[str, Json]
    retries: Sequence[Retry] = ()

    @property
    def job_name(self) -> Json:
        """Reference to the job's name."""
        return get(f"Steps.{self.name}.TrainingJobName")

    @property
    def model_artifacts(self) -> Json:
        """Reference to the S3 URI of the job's ``model.tar.gz``."""
        return get(f"Steps.{self.name}.ModelArtifacts.S3ModelArtifacts")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return _step(self.name, "Training", self.arguments, self.retries)


@dataclass(frozen=True, kw_only=True)
class ProcessingStep:
    """Runs a processing job.

    Attributes:
        arguments: the request of ``CreateProcessingJob``, without the name, which the pipeline makes.
        property_files: files among its outputs of which other steps read values.
    """

    name: str
    arguments: Mapping[str, Json]
    property_files: Sequence[PropertyFile] = ()
    retries: Sequence[Retry] = ()

    def property_file(self, name: str) -> Json:
        """Return a reference to one of the property files.

        Raises:
            ValueError: the step has no such file.
        """
        names = [file.name for file in self.property_files]
        if name not in names:
            raise ValueError(f"step {self.name} has no property file {name!r}; it has {', '.join(names)}")
        return get(f"Steps.{self.name}.PropertyFiles.{name}")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {
            **_step(self.name, "Processing", self.arguments, self.retries),
            "PropertyFiles": [file.definition() for file in self.property_files],
        }


@dataclass(frozen=True, kw_only=True)
class CreateModelStep:
    """Makes a model that transform jobs can run.

    Attributes:
        arguments: the request of ``CreateModel``, without the name, which the pipeline makes.
    """

    name: str
    arguments: Mapping[str, Json]

    @property
    def model_name(self) -> Json:
        """Reference to the model's name."""
        return get(f"Steps.{self.name}.ModelName")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {"Name": self.name, "Type": "Model", "Arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class TransformStep:
    """Runs a batch transform job.

    Attributes:
        arguments: the request of ``CreateTransformJob``, without the name, which the pipeline makes.
    """

    name: str
    arguments: Mapping[str, Json]
    retries: Sequence[Retry] = ()

    @property
    def output_uri(self) -> Json:
        """Reference to the S3 prefix under which the job wrote."""
        return get(f"Steps.{self.name}.TransformOutput.S3OutputPath")

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return _step(self.name, "Transform", self.arguments, self.retries)


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


@dataclass(frozen=True, kw_only=True)
class ConditionStep:
    """Goes one of two ways.

    Attributes:
        conditions: what must hold, all of it.
        if_steps: run where it holds.
        else_steps: run where it does not.
    """

    name: str
    conditions: Sequence[Json]
    if_steps: Sequence[Step]
    else_steps: Sequence[Step]

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {
            "Name": self.name,
            "Type": "Condition",
            "Arguments": {
                "Conditions": self.conditions,
                "IfSteps": [step.definition() for step in self.if_steps],
                "ElseSteps": [step.definition() for step in self.else_steps],
            },
        }


@dataclass(frozen=True, kw_only=True)
class FailStep:
    """Ends the execution as failed.

    Attributes:
        message: the reason.
    """

    name: str
    message: Json

    def definition(self) -> Json:
        """Return the step as the pipeline's definition writes it."""
        return {"Name": self.name, "Type": "Fail", "Arguments": {"ErrorMessage": self.message}}


def pipeline_definition(*, parameters: Sequence[Parameter], steps: Sequence[Step]) -> Json:
    """Return the definition of a pipeline, for ``Stack.to_json_string``."""
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [parameter.definition() for parameter in parameters],
        "Steps": [step.definition() for step in steps],
    }


def _step(name: str, type_: str, arguments: Mapping[str, Json], retries: Sequence[Retry]) -> dict[str, Json]:
    step: dict[str, Json] = {"Name": name, "Type": type_, "Arguments": arguments}
    return {**step, "RetryPolicies": [retry.definition() for retry in retries]} if retries else step
