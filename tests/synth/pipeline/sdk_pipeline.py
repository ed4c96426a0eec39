"""A deployed pipeline rewritten with the SageMaker Python SDK, with the deployed pipeline's literals."""

import json
import warnings
from collections.abc import Mapping
from typing import Any
from unittest import mock

import boto3

from tests.synth.assembly import JsonObject
from tests.synth.cloudformation import REGION
from tests.synth.pipeline.pipeline import step_of, steps_of

with warnings.catch_warnings(action="ignore"):
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.lambda_helper import Lambda
    from sagemaker.metadata_properties import MetadataProperties
    from sagemaker.model import Model
    from sagemaker.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.network import NetworkConfig
    from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
    from sagemaker.transformer import Transformer
    from sagemaker.tuner import (
        CategoricalParameter,
        ContinuousParameter,
        HyperbandStrategyConfig,
        HyperparameterTuner,
        IntegerParameter,
        StrategyConfig,
        TuningJobCompletionCriteriaConfig,
        WarmStartConfig,
        WarmStartTypes,
    )
    from sagemaker.workflow.condition_step import ConditionStep
    from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
    from sagemaker.workflow.execution_variables import ExecutionVariables
    from sagemaker.workflow.fail_step import FailStep
    from sagemaker.workflow.functions import Join, JsonGet
    from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.parameters import ParameterInteger, ParameterString
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.properties import PropertyFile
    from sagemaker.workflow.retry import (
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
    )
    from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep

_NO_TELEMETRY = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
_EVALUATION = PropertyFile("Evaluation", "evaluation", "evaluation.json")
_RECORDIO = "application/x-recordio-protobuf"
_CONTENT_TYPES = {"train": _RECORDIO, "validation": _RECORDIO, "test": _RECORDIO, "auxiliary": "text/plain"}


def written_by_the_sdk(ours: JsonObject) -> JsonObject:
    """Return the definition that the SDK writes."""
    # The SDK validates its whole configuration on every lookup, which takes most of its time.
    with warnings.catch_warnings(action="ignore"), mock.patch("sagemaker.utils.validate_sagemaker_config"):
        definition = json.loads(_Author(ours).pipeline().definition())
    # The SDK generates names for the steps of a ModelStep.
    text = json.dumps(definition).replace("CreateModel-CreateModel", "CreateModel")
    definition = json.loads(text.replace("Register-RegisterModel", "Register"))
    assert isinstance(definition, dict)
    return definition


class _Author:
    """Builder of the SDK's steps, in order."""

    def __init__(self, ours: JsonObject) -> None:
        self._ours = ours
        self._names = {step["Name"] for step in steps_of(ours)}
        self._session = PipelineSession(
            boto_session=boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name=REGION),
            default_bucket="bucket",
            sagemaker_config=_NO_TELEMETRY,
        )
        kinds = {"String": ParameterString, "Integer": ParameterInteger}
        self._parameters = {
            one["Name"]: kinds[one["Type"]](one["Name"], default_value=one.get("DefaultValue"))
            for one in ours["Parameters"]
        }

    def pipeline(self) -> Pipeline:
        self._preprocess()
        steps = [self._preprocessed]
        if "Tune" in self._names:
            steps.append(self._tune())
        steps.append(self._train())
        vectorizes = "Vectorize" in self._names
        if "Score" in self._names:
            steps += [self._create_model(), self._transform("Score", "scoring_uri")]
            self._evaluate(scores=steps[-1].properties.TransformOutput.S3OutputPath)
            passed = [self._register()]
        else:
            self._evaluate()
            passed = [self._register(), *([self._create_model()] if vectorizes else [])]
        if vectorizes:
            passed.append(self._transform("Vectorize", "documents_uri"))
        return Pipeline(
            "topics",
            parameters=list(self._parameters.values()),
            steps=[*steps, self._evaluated, self._gate(passed)],
            sagemaker_session=self._session,
        )

    def _arguments(self, name: str) -> JsonObject:
        arguments = step_of(self._ours, name)["Arguments"]
        assert isinstance(arguments, dict)
        return arguments

    def _of_this_run(self, uri: JsonObject) -> Join:
        """Return a URI of the deployed pipeline as an SDK expression."""
        prefix, _, *rest = uri["Std:Join"]["Values"]
        return Join(on="/", values=[prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, *rest])

    def _tags(self, arguments: JsonObject) -> list[dict[str, Any]]:
        run = ExecutionVariables.PIPELINE_EXECUTION_ID
        return [{**tag, "Value": run} if tag["Key"] == "topicsmith:run" else tag for tag in arguments["Tags"]]

    def _retries(self, name: str) -> list[Any]:
        return [
            SageMakerJobStepRetryPolicy(
                [one for one in SageMakerJobExceptionTypeEnum if one.value in policy["ExceptionType"]],
                interval_seconds=policy["IntervalSeconds"],
                max_attempts=policy["MaxAttempts"],
            )
            for policy in step_of(self._ours, name).get("RetryPolicies", [])
        ]

    def _preprocess(self) -> None:
        event = self._arguments("Preprocess")
        self._preprocessed = LambdaStep(
            "Preprocess",
            lambda_func=Lambda(function_arn=step_of(self._ours, "Preprocess")["FunctionArn"], session=self._session),
            inputs={
                **event,
                "corpus_uri": self._parameters["CorpusUri"],
                "text_columns": self._parameters["TextColumns"],
                "id_column": self._parameters["IdColumn"],
            },
            outputs=[
                LambdaOutput(output["OutputName"], LambdaOutputTypeEnum.String)
                for output in step_of(self._ours, "Preprocess")["OutputParameters"]
            ],
        )
        self._outputs = self._preprocessed.properties.Outputs

    def _estimator(
        self, arguments: JsonObject, resources: JsonObject, hyperparameters: Mapping[str, Any], **more: Any
    ) -> Estimator:
        return Estimator(
            image_uri=arguments["AlgorithmSpecification"]["TrainingImage"],
            role=arguments["RoleArn"],
            instance_count=resources["InstanceCount"],
            instance_type=resources["InstanceType"],
            volume_size=resources["VolumeSizeInGB"],
            volume_kms_key=resources.get("VolumeKmsKeyId"),
            max_run=arguments["StoppingCondition"]["MaxRuntimeInSeconds"],
            output_path=self._of_this_run(arguments["OutputDataConfig"]["S3OutputPath"]),
            output_kms_key=arguments["OutputDataConfig"]["KmsKeyId"],
            hyperparameters=dict(hyperparameters),
            enable_network_isolation=True,
            disable_profiler=True,
            debugger_hook_config=False,
            sagemaker_session=self._session,
            **_network(arguments),
            **more,
        )

    def _spot(self, arguments: JsonObject) -> dict[str, Any]:
        spot: dict[str, Any] = {}
        if arguments.get("EnableManagedSpotTraining"):
            spot = {"use_spot_instances": True, "max_wait": arguments["StoppingCondition"]["MaxWaitTimeInSeconds"]}
        if "CheckpointConfig" in arguments:
            spot["checkpoint_s3_uri"] = self._of_this_run(arguments["CheckpointConfig"]["S3Uri"])
        return spot

    def _inputs(self, *, sharded: bool) -> dict[str, TrainingInput]:
        return {
            name: TrainingInput(
                self._outputs[f"{name}_uri"],
                content_type=content_type,
                distribution="ShardedByS3Key" if sharded and name == "train" else "FullyReplicated",
            )
            for name, content_type in _CONTENT_TYPES.items()
        }

    def _given(self, said: JsonObject) -> dict[str, Any]:
        references = {"feature_dim": self._outputs["feature_dim"], "num_topics": self._parameters.get("NumTopics")}
        return {**said, **{name: value for name, value in references.items() if name in said and value is not None}}

    def _tune(self) -> TuningStep:
        arguments = self._arguments("Tune")
        config, training = arguments["HyperParameterTuningJobConfig"], arguments["TrainingJobDefinition"]
        estimator = self._estimator(
            training,
            training["HyperParameterTuningResourceConfig"],
            self._given(training["StaticHyperParameters"]),
            max_retry_attempts=training["RetryStrategy"]["MaximumRetryAttempts"],
            tags=arguments["Tags"],
            **self._spot(training),
        )
        tuner = HyperparameterTuner(
            estimator,
            config["HyperParameterTuningJobObjective"]["MetricName"],
            _ranges(config["ParameterRanges"]),
            metric_definitions=training["AlgorithmSpecification"].get("MetricDefinitions"),
            strategy=config["Strategy"],
            objective_type=config["HyperParameterTuningJobObjective"]["Type"],
            max_jobs=config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
            max_parallel_jobs=config["ResourceLimits"]["MaxParallelTrainingJobs"],
            max_runtime_in_seconds=config["ResourceLimits"].get("MaxRuntimeInSeconds"),
            tags=arguments["Tags"],
            warm_start_config=self._warm_start(arguments),
            early_stopping_type=config["TrainingJobEarlyStoppingType"],
            completion_criteria_config=_completion_criteria(config),
            random_seed=config["RandomSeed"],
            strategy_config=_strategy_config(config),
        )
        cache = step_of(self._ours, "Tune").get("CacheConfig")
        self._tuned = TuningStep(
            "Tune",
            step_args=tuner.fit(self._inputs(sharded=False)),
            cache_config=cache and CacheConfig(cache["Enabled"], cache["ExpireAfter"]),
            retry_policies=self._retries("Tune"),
        )
        return self._tuned

    def _warm_start(self, arguments: JsonObject) -> WarmStartConfig | None:
        if "WarmStartConfig" not in arguments:
            return None
        type_ = WarmStartTypes(arguments["WarmStartConfig"]["WarmStartType"])
        return WarmStartConfig(type_, {self._parameters["WarmStartFrom"]})

    def _best(self, name: str) -> Any:
        return self._tuned.properties.BestTrainingJob.TunedHyperParameters[name]

    def _train(self) -> TrainingStep:
        arguments = self._arguments("Train")
        hyperparameters = self._given(arguments["HyperParameters"])
        for name, value in arguments["HyperParameters"].items():
            if "Steps.Tune." in str(value):
                hyperparameters[name] = self._best(name)
        estimator = self._estimator(
            arguments,
            arguments["ResourceConfig"],
            hyperparameters,
            metric_definitions=arguments["AlgorithmSpecification"].get("MetricDefinitions"),
            tags=self._tags(arguments),
            **self._spot(arguments),
        )
        sharded = arguments["ResourceConfig"]["InstanceCount"] > 1
        self._trained = TrainingStep(
            "Train", step_args=estimator.fit(self._inputs(sharded=sharded)), retry_policies=self._retries("Train")
        )
        return self._trained

    def _model(self, arguments: JsonObject, role: str | None) -> Model:
        return Model(
            image_uri=self._arguments("Register")["InferenceSpecification"]["Containers"][0]["Image"],
            model_data=self._trained.properties.ModelArtifacts.S3ModelArtifacts,
            role=role,
            enable_network_isolation=arguments.get("EnableNetworkIsolation", False),
            vpc_config=arguments.get("VpcConfig"),
            sagemaker_session=self._session,
        )

    def _create_model(self) -> ModelStep:
        arguments = self._arguments("CreateModel")
        model = self._model(arguments, arguments["ExecutionRoleArn"])
        self._created = ModelStep("CreateModel", step_args=model.create(tags=self._tags(arguments)))
        return self._created

    def _transform(self, name: str, documents: str) -> TransformStep:
        arguments = self._arguments(name)
        resources, processing = arguments["TransformResources"], arguments["DataProcessing"]
        transformer = Transformer(
            self._created.properties.ModelName,
            resources["InstanceCount"],
            resources["InstanceType"],
            strategy="MultiRecord",
            assemble_with="Line",
            output_path=self._of_this_run(arguments["TransformOutput"]["S3OutputPath"]),
            output_kms_key=arguments["TransformOutput"]["KmsKeyId"],
            accept="application/jsonlines",
            max_concurrent_transforms=arguments["MaxConcurrentTransforms"],
            max_payload=arguments["MaxPayloadInMB"],
            tags=self._tags(arguments),
            volume_kms_key=resources.get("VolumeKmsKeyId"),
            sagemaker_session=self._session,
        )
        run = transformer.transform(
            self._outputs[documents],
            content_type="application/jsonlines",
            split_type="Line",
            input_filter=processing["InputFilter"],
            output_filter=processing["OutputFilter"],
            join_source="Input",
        )
        return TransformStep(name, step_args=run, retry_policies=self._retries(name))

    def _evaluate(self, scores: Any = None) -> None:
        arguments = self._arguments("Evaluate")
        cluster, app = arguments["ProcessingResources"]["ClusterConfig"], arguments["AppSpecification"]
        (output,) = arguments["ProcessingOutputConfig"]["Outputs"]
        references = {
            "model": self._trained.properties.ModelArtifacts.S3ModelArtifacts,
            **{name: self._outputs[f"{name}_uri"] for name in ("train", "heldout", "auxiliary", "meta")},
            "scores": scores,
        }
        environment = {
            "EXECUTION_ARN": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "NUM_TOPICS": Join(on="", values=[self._num_topics()]),
            "TRAINING_JOB": self._trained.properties.TrainingJobName,
        }
        if "Tune" in self._names:
            environment["TUNING_JOB"] = self._tuned.properties.HyperParameterTuningJobName
        processor = Processor(
            arguments["RoleArn"],
            app["ImageUri"],
            cluster["InstanceCount"],
            cluster["InstanceType"],
            entrypoint=app["ContainerEntrypoint"],
            volume_size_in_gb=cluster["VolumeSizeInGB"],
            volume_kms_key=cluster.get("VolumeKmsKeyId"),
            output_kms_key=arguments["ProcessingOutputConfig"]["KmsKeyId"],
            max_runtime_in_seconds=arguments["StoppingCondition"]["MaxRuntimeInSeconds"],
            env=environment,
            tags=self._tags(arguments),
            network_config=_network_config(arguments.get("NetworkConfig")),
            sagemaker_session=self._session,
        )
        run = processor.run(
            inputs=[
                ProcessingInput(
                    references.get(one["InputName"], one["S3Input"]["S3Uri"]),
                    one["S3Input"]["LocalPath"],
                    input_name=one["InputName"],
                )
                for one in arguments["ProcessingInputs"]
            ],
            outputs=[
                ProcessingOutput(
                    source=output["S3Output"]["LocalPath"],
                    destination=self._of_this_run(output["S3Output"]["S3Uri"]),
                    output_name=output["OutputName"],
                )
            ],
            arguments=app["ContainerArguments"],
        )
        self._evaluated = ProcessingStep(
            "Evaluate", step_args=run, property_files=[_EVALUATION], retry_policies=self._retries("Evaluate")
        )

    def _num_topics(self) -> Any:
        return self._parameters["NumTopics"] if "NumTopics" in self._parameters else self._best("num_topics")

    def _value(self, path: str) -> JsonGet:
        return JsonGet(step_name="Evaluate", property_file=_EVALUATION, json_path=path)

    def _gate(self, passed: list[Any]) -> ConditionStep:
        arguments = self._arguments("Gate")
        kinds = {
            "GreaterThanOrEqualTo": ConditionGreaterThanOrEqualTo,
            "LessThanOrEqualTo": ConditionLessThanOrEqualTo,
        }
        conditions = [
            kinds[one["Type"]](self._value(one["LeftValue"]["Std:JsonGet"]["Path"]), one["RightValue"])
            for one in arguments["Conditions"]
        ]
        _, see, report = self._arguments("Rejected")["ErrorMessage"]["Std:Join"]["Values"]
        message = Join(on="", values=[self._value("gate.reason"), see, self._of_this_run(report)])
        return ConditionStep("Gate", conditions=conditions, if_steps=passed, else_steps=[FailStep("Rejected", message)])

    def _register(self) -> ModelStep:
        arguments = self._arguments("Register")
        specification, metrics = arguments["InferenceSpecification"], arguments["ModelMetrics"]
        statistics, report = metrics["ModelQuality"]["Statistics"], metrics["Explainability"]["Report"]
        properties = {
            **arguments["CustomerMetadataProperties"],
            "CorpusUri": self._outputs["corpus"],
            "CorpusVersion": self._outputs["corpus_version"],
            "PipelineExecutionArn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "TrainingJob": self._trained.properties.TrainingJobName,
            "NumTopics": Join(on="", values=[self._num_topics()]),
            "Npmi": Join(on="", values=[self._value("metrics.npmi")]),
            "TopicUniqueness": Join(on="", values=[self._value("metrics.topic_uniqueness")]),
            "Perplexity": Join(on="", values=[self._value("metrics.perplexity")]),
        }
        if "Tune" in self._names:
            properties["TuningJob"] = self._tuned.properties.HyperParameterTuningJobName
        run = self._model({}, None).register(
            content_types=specification["SupportedContentTypes"],
            response_types=specification["SupportedResponseMIMETypes"],
            inference_instances=specification["SupportedRealtimeInferenceInstanceTypes"],
            transform_instances=specification["SupportedTransformInstanceTypes"],
            model_package_group_name=arguments["ModelPackageGroupName"],
            approval_status="PendingManualApproval",
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(statistics["ContentType"], self._of_this_run(statistics["S3Uri"])),
                explainability=MetricsSource(report["ContentType"], self._of_this_run(report["S3Uri"])),
            ),
            metadata_properties=MetadataProperties(
                commit_id=arguments["MetadataProperties"]["CommitId"],
                generated_by=ExecutionVariables.PIPELINE_EXECUTION_ARN,
            ),
            customer_metadata_properties=properties,
        )
        return ModelStep("Register", step_args=run)


def _network(said: JsonObject) -> dict[str, Any]:
    network: dict[str, Any] = {}
    if "VpcConfig" in said:
        network["subnets"] = said["VpcConfig"]["Subnets"]
        network["security_group_ids"] = said["VpcConfig"]["SecurityGroupIds"]
    if "EnableInterContainerTrafficEncryption" in said:
        network["encrypt_inter_container_traffic"] = said["EnableInterContainerTrafficEncryption"]
    return network


def _network_config(said: JsonObject | None) -> NetworkConfig | None:
    if said is None:
        return None
    return NetworkConfig(enable_network_isolation=said.get("EnableNetworkIsolation", False), **_network(said))


def _ranges(ranges: JsonObject) -> dict[str, Any]:
    found: dict[str, Any] = {
        one["Name"]: ContinuousParameter(float(one["MinValue"]), float(one["MaxValue"]), one["ScalingType"])
        for one in ranges["ContinuousParameterRanges"]
    }
    for one in ranges["IntegerParameterRanges"]:
        found[one["Name"]] = IntegerParameter(int(one["MinValue"]), int(one["MaxValue"]), one["ScalingType"])
    for one in ranges["CategoricalParameterRanges"]:
        found[one["Name"]] = CategoricalParameter(one["Values"])
    return found


def _completion_criteria(config: JsonObject) -> TuningJobCompletionCriteriaConfig | None:
    if "TuningJobCompletionCriteria" not in config:
        return None
    criteria = config["TuningJobCompletionCriteria"]
    return TuningJobCompletionCriteriaConfig(
        max_number_of_training_jobs_not_improving=criteria["BestObjectiveNotImproving"][
            "MaxNumberOfTrainingJobsNotImproving"
        ],
        complete_on_convergence=criteria["ConvergenceDetected"]["CompleteOnConvergence"] == "Enabled",
        target_objective_metric_value=criteria["TargetObjectiveMetricValue"],
    )


def _strategy_config(config: JsonObject) -> StrategyConfig | None:
    if "StrategyConfig" not in config:
        return None
    resources = config["StrategyConfig"]["HyperbandStrategyConfig"]
    return StrategyConfig(HyperbandStrategyConfig(resources["MaxResource"], resources["MinResource"]))
