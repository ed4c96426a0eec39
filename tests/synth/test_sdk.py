"""The SageMaker Python SDK as an independent opinion: what it writes for these steps, and what NTM takes."""

import json
import warnings
from typing import Any

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config import Hyperparameters, TrainingConfig
from tests.synth.assembly import Assembly, JsonObject
from tests.synth.cloudformation import REGION, Deployment

with warnings.catch_warnings(action="ignore"):
    from sagemaker.amazon.ntm import NTM
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.lambda_helper import Lambda
    from sagemaker.model import Model
    from sagemaker.workflow.execution_variables import ExecutionVariables
    from sagemaker.workflow.functions import Join
    from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.parameters import ParameterInteger, ParameterString
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.steps import TrainingStep

_NO_TELEMETRY = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


def _steps(definition: JsonObject) -> dict[str, JsonObject]:
    return {step["Type"]: {key: value for key, value in step.items() if key != "Name"} for step in definition["Steps"]}


def _written_by_the_sdk(ours: JsonObject) -> JsonObject:
    """Return the pipeline as a user of the SDK would write it down; literals are those of the deployed one."""
    with warnings.catch_warnings(action="ignore"):
        preprocess_, train_, register_ = ours["Steps"]
        session = PipelineSession(
            boto_session=boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name=REGION),
            default_bucket="bucket",
            sagemaker_config=_NO_TELEMETRY,
        )
        corpus_uri = ParameterString("CorpusUri")
        text_columns = ParameterString("TextColumns", default_value="text")
        id_column = ParameterString("IdColumn", default_value="id")
        num_topics = ParameterInteger("NumTopics", default_value=20)

        def of_this_run(uri: JsonObject) -> Join:
            prefix = uri["Std:Join"]["Values"][0]
            return Join(on="/", values=[prefix, ExecutionVariables.PIPELINE_EXECUTION_ID])

        event = preprocess_["Arguments"]
        preprocess = LambdaStep(
            "Preprocess",
            lambda_func=Lambda(function_arn=preprocess_["FunctionArn"], session=session),
            inputs={
                **event,
                "corpus_uri": corpus_uri,
                "text_columns": text_columns,
                "id_column": id_column,
                "output_uri": of_this_run(event["output_uri"]),
            },
            outputs=[
                LambdaOutput(output["OutputName"], LambdaOutputTypeEnum.String)
                for output in preprocess_["OutputParameters"]
            ],
        )
        outputs = preprocess.properties.Outputs
        job = train_["Arguments"]
        estimator = Estimator(
            image_uri=job["AlgorithmSpecification"]["TrainingImage"],
            role=job["RoleArn"],
            instance_count=job["ResourceConfig"]["InstanceCount"],
            instance_type=job["ResourceConfig"]["InstanceType"],
            volume_size=job["ResourceConfig"]["VolumeSizeInGB"],
            max_run=job["StoppingCondition"]["MaxRuntimeInSeconds"],
            output_path=of_this_run(job["OutputDataConfig"]["S3OutputPath"]),
            output_kms_key=job["OutputDataConfig"]["KmsKeyId"],
            metric_definitions=job["AlgorithmSpecification"]["MetricDefinitions"],
            hyperparameters={
                **job["HyperParameters"],
                "feature_dim": outputs["feature_dim"],
                "num_topics": num_topics,
            },
            enable_network_isolation=True,
            disable_profiler=True,
            debugger_hook_config=False,
            sagemaker_session=session,
        )
        recordio = "application/x-recordio-protobuf"
        types = {"train": recordio, "validation": recordio, "test": recordio, "auxiliary": "text/plain"}
        train = TrainingStep(
            "Train",
            step_args=estimator.fit(
                {name: TrainingInput(outputs[f"{name}_uri"], content_type=type_) for name, type_ in types.items()}
            ),
        )
        model = Model(
            image_uri=job["AlgorithmSpecification"]["TrainingImage"],
            model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
            sagemaker_session=session,
        )
        register = ModelStep(
            "Register",
            step_args=model.register(
                content_types=["text/csv", "application/json", "text/plain"],
                response_types=["application/json"],
                model_package_group_name=register_["Arguments"]["ModelPackageGroupName"],
                approval_status="PendingManualApproval",
                customer_metadata_properties={
                    "CorpusUri": corpus_uri,
                    "PipelineExecutionArn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
                },
            ),
        )
        pipeline = Pipeline(
            "topics",
            parameters=[corpus_uri, text_columns, id_column, num_topics],
            steps=[preprocess, train, register],
            sagemaker_session=session,
        )
        definition = json.loads(pipeline.definition())
        assert isinstance(definition, dict)
        return definition


def test_the_sdk_writes_the_same_pipeline(assembly: Assembly, environment: str) -> None:
    ours = Deployment(assembly, environment).pipeline_definition()
    theirs = _written_by_the_sdk(ours)
    # What the SDK writes although it is the default of the API.
    for step in theirs["Steps"]:
        step["Arguments"].pop("ProfilerConfig", None)
        step["Arguments"].pop("SkipModelValidation", None)
        for container in step["Arguments"].get("InferenceSpecification", {}).get("Containers", []):
            assert container.pop("Environment") == {}
    assert _steps(ours) == _steps(theirs)
    assert ours["Parameters"] == theirs["Parameters"]
    assert ours["Version"] == theirs["Version"]


def _accepted_by_us(name: str, value: Any) -> bool:
    try:
        if name == "num_topics":
            TrainingConfig.model_validate({name: value})
        else:
            Hyperparameters.model_validate({name: value})
    except ValidationError:
        return False
    return True


def _accepted_by_the_sdk(name: str, value: Any) -> bool:
    try:
        vars(NTM)[name].validate(value)
    except ValueError:
        return False
    return True


_FLOATS = ("tolerance", "rescale_gradient", "clip_gradient", "weight_decay", "learning_rate")


@given(name=st.sampled_from(_FLOATS), value=st.floats(-0.1, 1.1) | st.floats(0, 2e-6) | st.floats(0, 2e-3))
@example(name="learning_rate", value=1e-6)
@example(name="learning_rate", value=1.0)
@example(name="tolerance", value=0.1)
@example(name="rescale_gradient", value=1e-3)
def test_limits_of_numbers_are_those_of_the_sdk(name: str, value: float) -> None:
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)


@given(value=st.integers(-5, 1100))
@example(value=1)
@example(value=2)
@example(value=1000)
@example(value=1001)
def test_limits_of_the_number_of_topics_are_those_of_the_sdk(value: int) -> None:
    assert _accepted_by_us("num_topics", value) == _accepted_by_the_sdk("num_topics", value)


@given(name=st.sampled_from(("epochs", "num_patience_epochs")), value=st.integers(-5, 10))
def test_limits_of_counts_are_those_of_the_sdk(name: str, value: int) -> None:
    """Up to ten: beyond, the SDK has limits of its own which the algorithm's documentation has not."""
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)


@pytest.mark.parametrize("name", ["optimizer", "encoder_layers_activation"])
@given(value=st.sampled_from(["sgd", "adam", "adagrad", "adadelta", "rmsprop", "sigmoid", "tanh", "relu", "gelu", ""]))
def test_choices_are_those_of_the_sdk(name: str, value: str) -> None:
    assert _accepted_by_us(name, value) == _accepted_by_the_sdk(name, value)
