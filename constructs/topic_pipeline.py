"""The pipeline from raw text to a registered topic model."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack, aws_iam, aws_sagemaker

from constructs import Construct
from constructs.data_bucket import BAGS_OF_WORDS, MODELS, DataBucket
from constructs.model_registry import ModelRegistry
from constructs.pipeline_steps import EXECUTION_ARN, EXECUTION_ID, Json, Parameter, join, pipeline_definition
from constructs.preprocessing import PreprocessingFunction
from constructs.training import NtmTraining


@dataclass(frozen=True, kw_only=True)
class TopicPipelineProps:
    """What the pipeline runs, and what a run does unless told otherwise.

    Attributes:
        name: the pipeline's name.
        data: where it reads and writes.
        preprocessing: its first step.
        training: its second step.
        registry: its last step.
        text_columns: the columns whose texts make a document.
        id_column: the column that names a document.
        num_topics: the number of topics.
    """

    name: str
    data: DataBucket
    preprocessing: PreprocessingFunction
    training: NtmTraining
    registry: ModelRegistry
    text_columns: Sequence[str]
    id_column: str
    num_topics: int


class TopicPipeline(Construct):
    """Preprocess, Train, Register. What an execution makes lies under its id.

    Attributes:
        name: the pipeline's name.
        role: does the work of each step; it needs to be allowed to.
    """

    def __init__(self, scope: Construct, id: str, props: TopicPipelineProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.name = props.name
        self.role = aws_iam.Role(
            self,
            "Role",
            description="Runs the steps of the topic pipeline",
            assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        definition = Stack.of(self).to_json_string(self._build_definition())
        aws_sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=props.name,
            pipeline_description="From raw text to a registered topic model",
            pipeline_definition={"PipelineDefinitionBody": definition},
            role_arn=self.role.role_arn,
        )

    def _build_definition(self) -> Json:
        props = self._props
        corpus_uri = Parameter(name="CorpusUri", type="String")
        text_columns = Parameter(name="TextColumns", type="String", default=",".join(props.text_columns))
        id_column = Parameter(name="IdColumn", type="String", default=props.id_column)
        num_topics = Parameter(name="NumTopics", type="Integer", default=props.num_topics)

        preprocess = props.preprocessing.step(
            corpus_uri=corpus_uri.value,
            text_columns=text_columns.value,
            id_column=id_column.value,
            output_uri=self._of_this_run(BAGS_OF_WORDS),
        )
        train = props.training.step(
            channels={
                "train": preprocess.output("train_uri"),
                "validation": preprocess.output("validation_uri"),
                "test": preprocess.output("test_uri"),
                "auxiliary": preprocess.output("auxiliary_uri"),
            },
            feature_dim=preprocess.output("feature_dim"),
            num_topics=num_topics.value,
            output_uri=self._of_this_run(MODELS),
        )
        register = props.registry.step(
            model_data=train.model_artifacts,
            properties={"CorpusUri": corpus_uri.value, "PipelineExecutionArn": EXECUTION_ARN},
        )
        return pipeline_definition(
            parameters=[corpus_uri, text_columns, id_column, num_topics], steps=[preprocess, train, register]
        )

    def _of_this_run(self, prefix: str) -> Json:
        return join("/", self._props.data.uri(prefix), EXECUTION_ID)
