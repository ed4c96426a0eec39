"""SageMaker pipeline from raw text to a registered topic model and the topics of every document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Stack, aws_iam, aws_sagemaker

from constructs import Construct
from constructs.data.data_bucket import BAGS_OF_WORDS, CHECKPOINTS, EVALUATIONS, MODELS, SCORES, VECTORS, DataBucket
from constructs.definition.expressions import EXECUTION_ARN, EXECUTION_ID, Json, as_text, join, json_get
from constructs.definition.steps import (
    ConditionStep,
    FailStep,
    LambdaStep,
    Parameter,
    ProcessingStep,
    RegisterModelStep,
    Step,
    TrainingStep,
    TuningStep,
    pipeline_definition,
)
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.batch_transform import TopicTransform
from constructs.pipeline.evaluation_job import EVALUATION, REPORT, TopicEvaluation
from constructs.pipeline.model_registry import ModelRegistry
from constructs.pipeline.preprocessing import PreprocessingFunction
from constructs.pipeline.quality_gate import QualityGate
from constructs.pipeline.training_job import NtmTraining
from constructs.pipeline.tuning_job import NtmTuning

_CHANNELS = ("train", "validation", "test", "auxiliary")


@dataclass(frozen=True, kw_only=True)
class _TransformSteps:
    """Steps of batch transform in the pipeline.

    Attributes:
        before: Steps before the evaluation.
        scores: Inputs that these steps produce for the evaluation.
        after: Steps after the gate.
    """

    before: Sequence[Step] = ()
    scores: Mapping[str, Json] = field(default_factory=dict)
    after: Sequence[Step] = ()


@dataclass(frozen=True, kw_only=True)
class TopicPipelineProps:
    """Parts of the pipeline and defaults of its parameters.

    Attributes:
        name: Name of the pipeline.
        data: Data bucket.
        algorithm: Algorithm for training and serving.
        preprocessing: Preprocessing function.
        tuning: Hyperparameter tuning, if enabled.
        training: Training job.
        evaluation: Evaluation job.
        gate: Quality gate.
        registry: Model registry.
        transform: Batch transform, if any step needs it.
        transforms_corpus: Whether a model that passed the gate transforms the whole corpus.
        code_version: Version of the training and evaluation code.
        transform_instance_types: Supported instance types for batch transform.
        realtime_instance_types: Supported instance types for endpoints.
        text_columns: Default columns of a document's text.
        id_column: Default column of document IDs.
        num_topics: Default number of topics; None if it is tuned.
        warm_start_from: Default name of the tuning job for a warm start; None without warm start.
    """

    name: str
    data: DataBucket
    algorithm: NtmAlgorithm
    preprocessing: PreprocessingFunction
    tuning: NtmTuning | None
    training: NtmTraining
    evaluation: TopicEvaluation
    gate: QualityGate
    registry: ModelRegistry
    transform: TopicTransform | None
    transforms_corpus: bool
    code_version: str
    transform_instance_types: Sequence[str]
    realtime_instance_types: Sequence[str]
    text_columns: Sequence[str]
    id_column: str
    num_topics: int | None
    warm_start_from: str | None


class TopicPipeline(Construct):
    """Pipeline with the steps Preprocess, Tune, Train, Evaluate, Gate, Register and Vectorize.

    Outputs are stored under the ID of their execution, except bags of words, which are stored under a digest of their
    input so that tuning jobs on the same data can be cached.

    Attributes:
        name: Name of the pipeline.
        role: Role that starts the jobs of the steps; each part grants it the permissions.
    """

    def __init__(self, scope: Construct, id: str, props: TopicPipelineProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.name = props.name
        self.role = aws_iam.Role(
            self,
            "Role",
            description="Role of the topic pipeline",
            assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        self._corpus_uri = Parameter(name="CorpusUri", type="String")
        self._text_columns = Parameter(name="TextColumns", type="String", default=",".join(props.text_columns))
        self._id_column = Parameter(name="IdColumn", type="String", default=props.id_column)
        self._num_topics = Parameter(name="NumTopics", type="Integer", default=props.num_topics)
        self._warm_start_from = Parameter(name="WarmStartFrom", type="String", default=props.warm_start_from)
        definition = Stack.of(self).to_json_string(self._build_definition())
        aws_sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=props.name,
            pipeline_description="Trains, evaluates and registers a topic model from raw text",
            pipeline_definition={"PipelineDefinitionBody": definition},
            role_arn=self.role.role_arn,
        )

    def _build_definition(self) -> Json:
        props = self._props
        preprocess = self._preprocess()
        tune = self._tune(preprocess)
        tuned = {name: tune.best(name) for name in tune.tuned} if tune else {}
        num_topics = tuned.pop("num_topics", self._num_topics.value)
        train = self._train(preprocess, tuned, num_topics)
        transform = self._transform(preprocess, train)
        facts = {
            "CorpusVersion": preprocess.output("corpus_version"),
            "NumTopics": as_text(num_topics),
            "TrainingJob": train.job_name,
            **({"TuningJob": tune.job_name} if tune else {}),
        }
        evaluate = self._evaluate(preprocess, train, facts, transform.scores)
        register = self._register(train, evaluate, {"CorpusUri": preprocess.output("corpus"), **facts})
        gate = self._gate(evaluate, [register, *transform.after])
        parameters = [
            self._corpus_uri,
            self._text_columns,
            self._id_column,
            *([] if props.num_topics is None else [self._num_topics]),
            *([] if props.warm_start_from is None else [self._warm_start_from]),
        ]
        steps: list[Step] = [preprocess, *([tune] if tune else []), train, *transform.before, evaluate, gate]
        return pipeline_definition(parameters=parameters, steps=steps)

    def _preprocess(self) -> LambdaStep:
        return self._props.preprocessing.step(
            corpus_uri=self._corpus_uri.value,
            text_columns=self._text_columns.value,
            id_column=self._id_column.value,
            output_uri=self._props.data.uri(BAGS_OF_WORDS),
        )

    def _tune(self, preprocess: LambdaStep) -> TuningStep | None:
        if self._props.tuning is None:
            return None
        return self._props.tuning.step(
            inputs=_channels(preprocess),
            feature_dim=preprocess.output("feature_dim"),
            num_topics=self._num_topics.value,
            output_uri=self._of_this_run(MODELS, "tuning"),
            checkpoint_uri=self._of_this_run(CHECKPOINTS, "tuning"),
            warm_start_from=self._warm_start_from.value,
        )

    def _train(self, preprocess: LambdaStep, tuned: Mapping[str, Json], num_topics: Json) -> TrainingStep:
        return self._props.training.step(
            inputs=_channels(preprocess),
            feature_dim=preprocess.output("feature_dim"),
            num_topics=num_topics,
            tuned=tuned,
            output_uri=self._of_this_run(MODELS),
            checkpoint_uri=self._of_this_run(CHECKPOINTS, "train"),
        )

    def _transform(self, preprocess: LambdaStep, train: TrainingStep) -> _TransformSteps:
        transform = self._props.transform
        if transform is None:
            return _TransformSteps()
        model = transform.model_step(model_data=train.model_artifacts)
        vectorize: Sequence[Step] = ()
        if self._props.transforms_corpus:
            documents, output = preprocess.output("documents_uri"), self._of_this_run(VECTORS)
            vectorize = [transform.step("Vectorize", model=model, documents_uri=documents, output_uri=output)]
        if not self._props.algorithm.needs_scoring:
            return _TransformSteps(after=[model, *vectorize])
        documents, output = preprocess.output("scoring_uri"), self._of_this_run(SCORES)
        score = transform.step("Score", model=model, documents_uri=documents, output_uri=output)
        return _TransformSteps(before=[model, score], scores={"scores": score.output_uri}, after=vectorize)

    def _evaluate(
        self, preprocess: LambdaStep, train: TrainingStep, facts: Mapping[str, Json], scores: Mapping[str, Json]
    ) -> ProcessingStep:
        return self._props.evaluation.step(
            inputs={
                "model": train.model_artifacts,
                "train": preprocess.output("train_uri"),
                "heldout": preprocess.output("heldout_uri"),
                "auxiliary": preprocess.output("auxiliary_uri"),
                "meta": preprocess.output("meta_uri"),
                **scores,
            },
            facts=facts,
            output_uri=self._of_this_run(EVALUATIONS),
        )

    def _gate(self, evaluate: ProcessingStep, passed: Sequence[Step]) -> ConditionStep:
        evaluation = evaluate.property_file(EVALUATION.name)
        reason = json_get(evaluation, "gate.reason")
        return ConditionStep(
            name="Gate",
            conditions=self._props.gate.conditions(evaluation),
            if_steps=passed,
            else_steps=[
                FailStep(name="Rejected", message=join("", reason, ". See ", self._of_this_run(EVALUATIONS, REPORT)))
            ],
        )

    def _register(self, train: TrainingStep, evaluate: ProcessingStep, facts: Mapping[str, Json]) -> RegisterModelStep:
        props = self._props
        evaluation = evaluate.property_file(EVALUATION.name)
        return props.registry.step(
            model_data=train.model_artifacts,
            transform_instance_types=props.transform_instance_types,
            realtime_instance_types=props.realtime_instance_types,
            metrics_uri=self._of_this_run(EVALUATIONS, EVALUATION.path),
            report_uri=self._of_this_run(EVALUATIONS, REPORT),
            code_version=props.code_version,
            properties={
                "PipelineExecutionArn": EXECUTION_ARN,
                "Algorithm": props.algorithm.name,
                "CodeVersion": props.code_version,
                **facts,
                "Npmi": as_text(json_get(evaluation, "metrics.npmi")),
                "TopicUniqueness": as_text(json_get(evaluation, "metrics.topic_uniqueness")),
                "Perplexity": as_text(json_get(evaluation, "metrics.perplexity")),
            },
        )

    def _of_this_run(self, prefix: str, *rest: str) -> Json:
        return join("/", self._props.data.uri(prefix), EXECUTION_ID, *rest)


def _channels(preprocess: LambdaStep) -> Mapping[str, Json]:
    return {name: preprocess.output(f"{name}_uri") for name in _CHANNELS}
