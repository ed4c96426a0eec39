"""Stack of the training pipeline."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, RemovalPolicy

from constructs import Construct
from constructs.data.data_bucket import (
    BAGS_OF_WORDS,
    CHECKPOINTS,
    EVALUATIONS,
    MODELS,
    RAW,
    SCORES,
    VECTORS,
    DataBucket,
)
from constructs.functions.python_function import FunctionSettings
from constructs.network.job_network import JobNetwork
from constructs.network.placement import NetworkPlacement
from constructs.notify.failure_notification import FailureNotification
from constructs.notify.notifications import Notifications
from constructs.pipeline.algorithm import BuiltInAlgorithm, ContainerAlgorithm, NtmAlgorithm
from constructs.pipeline.batch_transform import TopicTransform
from constructs.pipeline.evaluation_job import TopicEvaluation
from constructs.pipeline.jobs import JobSettings
from constructs.pipeline.model_registry import ModelRegistry
from constructs.pipeline.ntm_image import NtmImage
from constructs.pipeline.pipeline import TopicPipeline, TopicPipelineProps
from constructs.pipeline.preprocessing import PreprocessingFunction
from constructs.pipeline.run_logs import RunLogs
from constructs.pipeline.run_trigger import RunTrigger, RunTriggerProps
from constructs.pipeline.training_job import NtmTraining
from constructs.pipeline.tuning_job import NtmTuning
from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import PromotionPath
from stacks.environment_stack import EnvironmentStack
from stacks.promotion import share_registry
from stacks.training_props import (
    bag_of_words_settings,
    evaluation_props,
    quality_gate,
    training_props,
    transform_props,
    tuning_props,
)


class TrainingStack(EnvironmentStack):
    """Pipeline, jobs, triggers, notifications and model registry.

    Attributes:
        algorithm: Algorithm for training and serving.
        registry: Model registry.
        notifications: Topic for notifications.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        config: EnvironmentConfig,
        data: DataBucket,
        network: NetworkPlacement | None,
        promotions: PromotionPath,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(
            scope, id, name=name, description="pipeline from raw text to a registered topic model", config=config
        )
        self._config = config
        self._data = data
        self._functions = FunctionSettings(log_retention_days=config.log_retention_days, network=network)
        # It also evaluates the models of the built-in algorithm.
        self._image = NtmImage(self, "Image", name=name, target="serving")
        self.algorithm = self._build_algorithm(name)
        self.registry = ModelRegistry(
            self,
            "Registry",
            name=name,
            algorithm=self.algorithm,
            removal_policy=RemovalPolicy[config.data.removal.upper()],
        )
        share_registry(self.registry, config=config, promotions=promotions)
        jobs = JobSettings(
            key=data.key,
            tags=tags,
            retry_attempts=config.retries.attempts,
            network=JobNetwork(
                placement=network,
                encrypt_inter_container_traffic=config.network.encrypt_inter_container_traffic,
            ),
        )
        self._preprocessing = self._build_preprocessing()
        self._training = self._build_training(jobs)
        self._tuning = self._build_tuning(jobs) if config.tuning.enabled else None
        self._evaluation = self._build_evaluation(jobs, tags["environment"])
        needs_transform = config.vectorize.enabled or self.algorithm.needs_scoring
        self._transform = self._build_transform(jobs) if needs_transform else None
        pipeline = self._build_pipeline(name)
        self._grant_steps(pipeline)
        self._build_triggers(pipeline)
        self.notifications = Notifications(self, "Notifications", key=data.key, emails=config.notifications.emails)
        if config.alarms.enabled:
            self.notifications.let_alarms_publish(name)
        if config.budget.monthly_usd is not None:
            self.notifications.let_budgets_publish(name)
        FailureNotification(
            self,
            "Failure",
            pipeline_name=pipeline.name,
            notifications=self.notifications,
            functions=self._functions,
        )
        RunLogs(self, "RunLogs", name=name, functions=[self._preprocessing.function])

        CfnOutput(self, "PipelineName", value=pipeline.name, description="Training pipeline")
        CfnOutput(self, "ModelPackageGroupName", value=self.registry.name, description="Model registry")
        CfnOutput(
            self,
            "NotificationTopicArn",
            value=self.notifications.topic_arn,
            description="Topic for failed runs, failed updates and alarms",
        )

    def _build_algorithm(self, name: str) -> NtmAlgorithm:
        if self._config.algorithm == "builtin":
            return BuiltInAlgorithm(self)
        training = NtmImage(self, "TrainingImage", name=name, target="training")
        return ContainerAlgorithm(training=training, serving=self._image)

    def _build_preprocessing(self) -> PreprocessingFunction:
        preprocessing = PreprocessingFunction(
            self,
            "Preprocessing",
            settings=bag_of_words_settings(self._config, self._data),
            memory_mb=self._config.preprocessing.memory_mb,
            functions=self._functions,
        )
        self._data.grant_read(preprocessing.function, RAW)
        self._data.grant_write(preprocessing.function, BAGS_OF_WORDS)
        return preprocessing

    def _build_training(self, jobs: JobSettings) -> NtmTraining:
        training = NtmTraining(self, "Training", training_props(self._config, self.algorithm, jobs))
        self._data.grant_read(training.role, BAGS_OF_WORDS)
        self._data.grant_output(training.role, MODELS)
        if training.keeps_checkpoints:
            self._grant_checkpoints(training)
        self.algorithm.grant_pull(training.role)
        return training

    def _build_tuning(self, jobs: JobSettings) -> NtmTuning:
        tuning = NtmTuning(self, "Tuning", tuning_props(self._config, self.algorithm, jobs, self._training))
        if tuning.keeps_checkpoints and not self._training.keeps_checkpoints:
            self._grant_checkpoints(self._training)
        return tuning

    def _grant_checkpoints(self, training: NtmTraining) -> None:
        self._data.grant_read(training.role, CHECKPOINTS)
        self._data.grant_write(training.role, CHECKPOINTS)
        # SageMaker deletes in S3 what the container deletes.
        self._data.grant_delete(training.role, CHECKPOINTS)

    def _build_evaluation(self, jobs: JobSettings, environment: str) -> TopicEvaluation:
        props = evaluation_props(self._config, environment, self._image, jobs, self._data)
        evaluation = TopicEvaluation(self, "Evaluation", props)
        self._data.grant_read(evaluation.role, BAGS_OF_WORDS)
        self._data.grant_read(evaluation.role, MODELS)
        if self.algorithm.needs_scoring:
            self._data.grant_read(evaluation.role, SCORES)
        if props.word_vectors:
            self._data.grant_read(evaluation.role, RAW)
        self._data.grant_output(evaluation.role, EVALUATIONS)
        self._image.grant_pull(evaluation.role)
        return evaluation

    def _build_transform(self, jobs: JobSettings) -> TopicTransform:
        props = transform_props(self._config, self.algorithm, jobs)
        # The construct's ID is part of logical IDs and must not change.
        transform = TopicTransform(self, "Vectorization", props)
        self._data.grant_read(transform.role, BAGS_OF_WORDS)
        self._data.grant_get(transform.role, MODELS)
        if self.algorithm.needs_scoring:
            self._data.grant_output(transform.role, SCORES)
        if self._config.vectorize.enabled:
            self._data.grant_output(transform.role, VECTORS)
        self.algorithm.grant_pull(transform.role)
        return transform

    def _build_pipeline(self, name: str) -> TopicPipeline:
        config = self._config
        ranges = config.tuning.ranges
        tunes_topics = config.tuning.enabled and ranges.num_topics is not None
        return TopicPipeline(
            self,
            "Pipeline",
            TopicPipelineProps(
                name=name,
                data=self._data,
                algorithm=self.algorithm,
                preprocessing=self._preprocessing,
                tuning=self._tuning,
                training=self._training,
                evaluation=self._evaluation,
                gate=quality_gate(config),
                registry=self.registry,
                transform=self._transform,
                transforms_corpus=config.vectorize.enabled,
                code_version=self._image.version,
                transform_instance_types=[config.vectorize.instance_type],
                realtime_instance_types=list(config.serving.instance_types),
                text_columns=config.preprocessing.text_columns,
                id_column=config.preprocessing.id_column,
                num_topics=None if tunes_topics else config.training.num_topics,
                warm_start_from=config.tuning.warm_start.from_job if config.tuning.enabled else None,
            ),
        )

    def _grant_steps(self, pipeline: TopicPipeline) -> None:
        self._preprocessing.grant_invoke(pipeline.role)
        for jobs in (self._tuning, self._training, self._evaluation, self._transform):
            if jobs is not None:
                jobs.grant_run(pipeline.role)
        self.registry.grant_register(pipeline.role)
        self._data.grant_get(pipeline.role, MODELS)
        self._data.grant_get(pipeline.role, EVALUATIONS)

    def _build_triggers(self, pipeline: TopicPipeline) -> None:
        chosen = self._config.triggers
        if not (chosen.on_upload or chosen.schedule.expression):
            return
        RunTrigger(
            self,
            "Trigger",
            RunTriggerProps(
                pipeline_name=pipeline.name,
                data=self._data,
                on_upload=chosen.on_upload,
                schedule=chosen.schedule.expression,
                scheduled_corpus=self._data.uri(f"{RAW}/{chosen.schedule.corpus}"),
                functions=self._functions,
            ),
        )
