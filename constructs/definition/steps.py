"""Typed steps of SageMaker pipelines.

A step's ``arguments`` are the request of the API that it calls, with references in place of values that are known only
at run time. The output has the same format as the SageMaker Python SDK's; see
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-overview.html and ``sagemaker.workflow``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from constructs.definition.expressions import Json, get


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Pipeline parameter; without a default it is required."""

    name: str
    type: Literal["String", "Integer", "Float", "Boolean"]
    default: str | int | float | bool | None = None

    @property
    def value(self) -> Json:
        """Reference to the parameter's value."""
        return get(f"Parameters.{self.name}")

    def definition(self) -> Json:
        """Return the parameter's declaration."""
        declared = {"Name": self.name, "Type": self.type}
        return declared if self.default is None else {**declared, "DefaultValue": self.default}


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Retry policy with exponential backoff.

    Attributes:
        exceptions: Exception types of SageMaker Pipelines.
        interval_seconds: Delay before the first retry.
        attempts: Maximum number of retries, 1 to 20.
    """

    exceptions: Sequence[str]
    interval_seconds: int
    attempts: int

    def definition(self) -> Json:
        """Return the JSON of the policy."""
        return {
            "ExceptionType": self.exceptions,
            "IntervalSeconds": self.interval_seconds,
            "BackoffRate": 2,
            "MaxAttempts": self.attempts,
        }


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Step caching: a step reuses the result of an earlier one with the same arguments.

    Attributes:
        days: Maximum age of a cached result.
    """

    days: int

    def definition(self) -> Json:
        """Return the JSON of the cache configuration."""
        return {"Enabled": True, "ExpireAfter": f"P{self.days}D"}


@dataclass(frozen=True, kw_only=True)
class PropertyFile:
    """JSON file in a processing job's output that conditions and other steps read.

    Attributes:
        name: Name, unique in the pipeline.
        output: Name of the job output that contains the file.
        path: Path of the file in the output.
    """

    name: str
    output: str
    path: str

    def definition(self) -> Json:
        """Return the file's declaration."""
        return {"PropertyFileName": self.name, "OutputName": self.output, "FilePath": self.path}


class Step(Protocol):
    """Pipeline step. A step that refers to another step runs after it."""

    @property
    def name(self) -> str:
        """Name, unique in the pipeline."""

    def definition(self) -> Json:
        """Return the JSON of the step."""


@dataclass(frozen=True, kw_only=True)
class LambdaStep:
    """Invocation of a Lambda function, limited to ten minutes.

    Attributes:
        arguments: Event.
        outputs: Keys of the function's result that other steps may refer to; all values are strings.
    """

    name: str
    function_arn: str
    arguments: Mapping[str, Json]
    outputs: Sequence[str]

    def output(self, name: str) -> Json:
        """Return a reference to an output.

        Raises:
            ValueError: The step has no such output.
        """
        if name not in self.outputs:
            raise ValueError(f"step {self.name} has no output {name!r}; available: {', '.join(self.outputs)}")
        return get(f"Steps.{self.name}.OutputParameters['{name}']")

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return {
            "Name": self.name,
            "Type": "Lambda",
            "Arguments": self.arguments,
            "FunctionArn": self.function_arn,
            "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in self.outputs],
        }


@dataclass(frozen=True, kw_only=True)
class TuningStep:
    """Hyperparameter tuning job.

    Attributes:
        arguments: Request of ``CreateHyperParameterTuningJob`` without the name, which the pipeline generates.
        tuned: Names of the tuned hyperparameters.
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
        """Return a reference to a hyperparameter of the best training job.

        Raises:
            ValueError: The job does not tune the hyperparameter.
        """
        if hyperparameter not in self.tuned:
            raise ValueError(f"step {self.name} does not tune {hyperparameter!r}; tuned: {', '.join(self.tuned)}")
        return get(f"Steps.{self.name}.BestTrainingJob.TunedHyperParameters['{hyperparameter}']")

    def definition(self) -> Json:
        """Return the JSON of the step."""
        cache = {} if self.cache is None else {"CacheConfig": self.cache.definition()}
        return {**_step(self.name, "Tuning", self.arguments, self.retries), **cache}


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Training job.

    Attributes:
        arguments: Request of ``CreateTrainingJob`` without the name, which the pipeline generates.
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
        """Return the JSON of the step."""
        return _step(self.name, "Training", self.arguments, self.retries)


@dataclass(frozen=True, kw_only=True)
class ProcessingStep:
    """Processing job.

    Attributes:
        arguments: Request of ``CreateProcessingJob`` without the name, which the pipeline generates.
        property_files: Output files that other steps read.
    """

    name: str
    arguments: Mapping[str, Json]
    property_files: Sequence[PropertyFile] = ()
    retries: Sequence[Retry] = ()

    def property_file(self, name: str) -> Json:
        """Return a reference to a property file.

        Raises:
            ValueError: The step has no such file.
        """
        names = [file.name for file in self.property_files]
        if name not in names:
            raise ValueError(f"step {self.name} has no property file {name!r}; available: {', '.join(names)}")
        return get(f"Steps.{self.name}.PropertyFiles.{name}")

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return {
            **_step(self.name, "Processing", self.arguments, self.retries),
            "PropertyFiles": [file.definition() for file in self.property_files],
        }


@dataclass(frozen=True, kw_only=True)
class CreateModelStep:
    """Creation of a model for transform jobs.

    Attributes:
        arguments: Request of ``CreateModel`` without the name, which the pipeline generates.
    """

    name: str
    arguments: Mapping[str, Json]

    @property
    def model_name(self) -> Json:
        """Reference to the model's name."""
        return get(f"Steps.{self.name}.ModelName")

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return {"Name": self.name, "Type": "Model", "Arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class TransformStep:
    """Batch transform job.

    Attributes:
        arguments: Request of ``CreateTransformJob`` without the name, which the pipeline generates.
    """

    name: str
    arguments: Mapping[str, Json]
    retries: Sequence[Retry] = ()

    @property
    def output_uri(self) -> Json:
        """Reference to the S3 prefix of the job's output."""
        return get(f"Steps.{self.name}.TransformOutput.S3OutputPath")

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return _step(self.name, "Transform", self.arguments, self.retries)


@dataclass(frozen=True, kw_only=True)
class RegisterModelStep:
    """Registration of a model package version.

    Attributes:
        arguments: Request of ``CreateModelPackage``.
    """

    name: str
    arguments: Mapping[str, Json]

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return {"Name": self.name, "Type": "RegisterModel", "Arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class ConditionStep:
    """Branch.

    Attributes:
        conditions: Conditions, all of which must hold.
        if_steps: Steps to run if the conditions hold.
        else_steps: Steps to run otherwise.
    """

    name: str
    conditions: Sequence[Json]
    if_steps: Sequence[Step]
    else_steps: Sequence[Step]

    def definition(self) -> Json:
        """Return the JSON of the step."""
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
    """Failure of the execution.

    Attributes:
        message: Error message.
    """

    name: str
    message: Json

    def definition(self) -> Json:
        """Return the JSON of the step."""
        return {"Name": self.name, "Type": "Fail", "Arguments": {"ErrorMessage": self.message}}


def pipeline_definition(*, parameters: Sequence[Parameter], steps: Sequence[Step]) -> Json:
    """Return the JSON of a pipeline definition, for ``Stack.to_json_string``."""
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [parameter.definition() for parameter in parameters],
        "Steps": [step.definition() for step in steps],
    }


def _step(name: str, type_: str, arguments: Mapping[str, Json], retries: Sequence[Retry]) -> dict[str, Json]:
    step: dict[str, Json] = {"Name": name, "Type": type_, "Arguments": arguments}
    return {**step, "RetryPolicies": [retry.definition() for retry in retries]} if retries else step
