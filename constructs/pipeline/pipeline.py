"""The pipeline from raw text to a registered topic model and the topics of every document."""

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
from constructs.pipeline.batch_transform import TopicVectorization
from constructs.pipeline.evaluation_job import EVALUATION, REPORT, TopicEvaluation
from constructs.pipeline.model_registry import ModelRegistry
from constructs.pipeline.preprocessing import PreprocessingFunction
from constructs.pipeline.quality_gate import QualityGate
from constructs.pipeline.training_job import NtmTraining
from constructs.pipeline.tuning_job import NtmTuning

_CHANNELS = ("train", "validation", "test", "auxiliary")


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What has the model read documents.

    Attributes:
        before: steps before the evaluation.
        scores: what they leave for it.
        after: steps of a model that passed the gate.
    """

    before: Sequence[Step] = ()
    scores: Mapping[str, Json] = field(default_factory=dict)
    after: Sequence[Step] = ()


@dataclass(frozen=True, kw_only=True)
class TopicPipelineProps:
    """What the pipeline runs, and what a run does unless told otherwise.

    Attributes:
        name: the pipeline's name.
        data: where it reads and writes.
        algorithm: what trains and serves.
        preprocessing: makes bags of words.
        tuning: looks for hyperparameters; None where the environment says them all.
        training: makes the model.
        evaluation: says how good it is.
        gate: says how good it must be.
        registry: takes it.
        vectorization: has it read documents; None where nothing needs that.
        vectorizes_corpus: whether it reads the whole corpus in the end.
        code_version: of what trains and evaluates.
        transform_instance_types: on which the model is known to transform.
        realtime_instance_types: on which the model is known to serve.
        text_columns: the columns whose texts make a document.
        id_column: the column that names a document.
        num_topics: the number of topics; None where it is tuned.
        warm_start_from: name of the tuning job from which a run's begins; None without one.
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
    vectorization: TopicVectorization | None
    vectorizes_corpus: bool
    code_version: str
    transform_instance_types: Sequence[str]
    realtime_instance_types: Sequence[str]
    text_columns: Sequence[str]
    id_column: str
    num_topics: int | None
    warm_start_from: str | None


class TopicPipeline(Construct):
    """Preprocess, Tune, Train, Evaluate, Gate, Register, Vectorize.

    What an execution makes lies under its id, but for the bags of words: those lie under a name of what they were made
    of, so that tuning on the same ones is found in the cache.

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
            pipeline_description="From raw text to a registered topic model",
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
        reading = self._reading(preprocess, train)
        facts = {
            "CorpusVersion": preprocess.output("corpus_version"),
            "NumTopics": as_text(num_topics),
            "TrainingJob": train.job_name,
            **({"TuningJob": tune.job_name} if tune else {}),
        }
        evaluate = self._evaluate(preprocess, train, facts, reading.scores)
        gate = self._gate(evaluate, [self._register(train, evaluate, facts), *reading.after])
        parameters = [
            self._corpus_uri,
            self._text_columns,
            self._id_column,
            *([] if props.num_topics is None else [self._num_topics]),
            *([] if props.warm_start_from is None else [self._warm_start_from]),
        ]
        steps: list[Step] = [preprocess, *([tune] if tune else []), train, *reading.before, evaluate, gate]
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

    def _reading(self, preprocess: LambdaStep, train: TrainingStep) -> _Reading:
        vectorization = self._props.vectorization
        if vectorization is None:
            return _Reading()
        model = vectorization.model_step(model_data=train.model_artifacts)
        vectorize: Sequence[Step] = ()
        if self._props.vectorizes_corpus:
            documents, output = preprocess.output("documents_uri"), self._of_this_run(VECTORS)
            vectorize = [vectorization.step("Vectorize", model=model, documents_uri=documents, output_uri=output)]
        if not self._props.algorithm.needs_scoring:
            return _Reading(after=[model, *vectorize])
        documents, output = preprocess.output("scoring_uri"), self._of_this_run(SCORES)
        score = vectorization.step("Score", model=model, documents_uri=documents, output_uri=output)
        return _Reading(before=[model, score], scores={"scores": score.output_uri}, after=vectorize)

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
                "CorpusUri": self._corpus_uri.value,
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
