"""The stack that makes models."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy

from constructs import Construct
from constructs.data_bucket import BAGS_OF_WORDS, MODELS, RAW, DataBucket
from constructs.model_registry import ModelRegistry
from constructs.ntm_image import NtmImage
from constructs.preprocessing import BagOfWordsSettings, PreprocessingFunction
from constructs.topic_pipeline import TopicPipeline, TopicPipelineProps
from constructs.training import NtmTraining, NtmTrainingProps
from stacks.config import EnvironmentConfig
from stacks.environment_stack import EnvironmentStack


class TrainingStack(EnvironmentStack):
    """The pipeline, what its steps run, and the registry.

    Attributes:
        image: the container image of the models.
        registry: the models.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, config: EnvironmentConfig, data: DataBucket) -> None:
        super().__init__(
            scope, id, name=name, description="the pipeline from raw text to a registered topic model", config=config
        )
        self.image = NtmImage(self, "Image")
        self.registry = ModelRegistry(
            self, "Registry", name=name, image=self.image, removal_policy=RemovalPolicy[config.data.removal.upper()]
        )
        preprocessing = self._build_preprocessing(config)
        training = self._build_training(config, data)
        pipeline = TopicPipeline(
            self,
            "Pipeline",
            TopicPipelineProps(
                name=name,
                data=data,
                preprocessing=preprocessing,
                training=training,
                registry=self.registry,
                text_columns=config.preprocessing.text_columns,
                id_column=config.preprocessing.id_column,
                num_topics=config.training.num_topics,
            ),
        )

        data.grant_read(preprocessing.function, RAW)
        data.grant_write(preprocessing.function, BAGS_OF_WORDS)
        data.grant_read(training.role, BAGS_OF_WORDS)
        data.grant_write(training.role, MODELS)
        self.image.grant_pull(training.role)
        preprocessing.grant_invoke(pipeline.role)
        training.grant_run(pipeline.role)
        self.registry.grant_register(pipeline.role)
        data.grant_get(pipeline.role, MODELS)

        CfnOutput(self, "PipelineName", value=pipeline.name, description="Makes a model of a corpus")
        CfnOutput(self, "ModelPackageGroupName", value=self.registry.name, description="The models")

    def _build_preprocessing(self, config: EnvironmentConfig) -> PreprocessingFunction:
        chosen = config.preprocessing
        return PreprocessingFunction(
            self,
            "Preprocessing",
            settings=BagOfWordsSettings(
                vocabulary_size=chosen.vocabulary_size,
                min_document_frequency=chosen.min_document_frequency,
                max_document_share=chosen.max_document_share,
                min_word_length=chosen.min_word_length,
                stop_words=chosen.stop_words,
                validation_share=chosen.validation_share,
                test_share=chosen.test_share,
            ),
            memory_mb=chosen.memory_mb,
            log_retention_days=config.log_retention_days,
        )

    def _build_training(self, config: EnvironmentConfig, data: DataBucket) -> NtmTraining:
        chosen = config.training
        return NtmTraining(
            self,
            "Training",
            NtmTrainingProps(
                image=self.image,
                key=data.key,
                instance_type=chosen.instance_type,
                volume_gb=chosen.volume_gb,
                max_runtime=Duration.minutes(chosen.max_runtime_minutes),
                hyperparameters=chosen.hyperparameters.to_request(),
            ),
        )
