"""Properties of the pipeline's constructs, derived from an environment's configuration."""

from aws_cdk import Duration

from constructs.data.data_bucket import RAW, DataBucket
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.batch_transform import TopicTransformProps
from constructs.pipeline.evaluation_job import TopicEvaluationProps
from constructs.pipeline.jobs import JobSettings
from constructs.pipeline.ntm_image import NtmImage
from constructs.pipeline.preprocessing import BagOfWordsSettings
from constructs.pipeline.quality_gate import QualityGate
from constructs.pipeline.spot import JobTime
from constructs.pipeline.training_job import NtmTraining, NtmTrainingProps
from constructs.pipeline.tuning_job import NtmTuningProps, WarmStart
from constructs.pipeline.tuning_search import Strategy, TuningSearch
from stacks.config.environment import EnvironmentConfig

_STRATEGIES: dict[str, Strategy] = {
    "bayesian": "Bayesian",
    "random": "Random",
    "hyperband": "Hyperband",
    "grid": "Grid",
}


def bag_of_words_settings(config: EnvironmentConfig, data: DataBucket) -> BagOfWordsSettings:
    """Return the settings of preprocessing."""
    chosen = config.preprocessing
    return BagOfWordsSettings(
        vocabulary_size=chosen.vocabulary_size,
        min_document_frequency=chosen.min_document_frequency,
        max_document_share=chosen.max_document_share,
        min_word_length=chosen.min_word_length,
        stop_words=chosen.stop_words,
        validation_share=chosen.validation_share,
        test_share=chosen.test_share,
        train_shards=config.training.instance_count,
        # The built-in algorithm does not support them.
        word_vectors_uri=_word_vectors(config, data) if config.algorithm == "container" else None,
    )


def tuning_props(
    config: EnvironmentConfig, algorithm: NtmAlgorithm, jobs: JobSettings, training: NtmTraining
) -> NtmTuningProps:
    """Return the properties of the tuning job."""
    chosen = config.tuning
    shorter = {"epochs": str(chosen.epochs), **({"sub_sample": str(chosen.sample)} if chosen.sample < 1 else {})}
    return NtmTuningProps(
        algorithm=algorithm,
        jobs=jobs,
        role=training.role,
        search=_search(config),
        instance_type=chosen.instance_type,
        volume_gb=chosen.volume_gb,
        job_time=_job_time(chosen.max_job_runtime_minutes, chosen.max_spot_wait_minutes),
        hyperparameters={**config.training.hyperparameters.to_request(), **shorter},
        warm_start=_warm_start(config),
        cache_days=chosen.cache_days,
    )


def training_props(config: EnvironmentConfig, algorithm: NtmAlgorithm, jobs: JobSettings) -> NtmTrainingProps:
    """Return the properties of the training job."""
    chosen = config.training
    return NtmTrainingProps(
        algorithm=algorithm,
        jobs=jobs,
        instance_type=chosen.instance_type,
        instance_count=chosen.instance_count,
        volume_gb=chosen.volume_gb,
        time=_job_time(chosen.max_runtime_minutes, chosen.max_spot_wait_minutes),
        hyperparameters=chosen.hyperparameters.to_request(),
    )


def evaluation_props(
    config: EnvironmentConfig, environment: str, image: NtmImage, jobs: JobSettings, data: DataBucket
) -> TopicEvaluationProps:
    """Return the properties of the evaluation job."""
    chosen = config.evaluation
    return TopicEvaluationProps(
        image=image,
        jobs=jobs,
        environment=environment,
        algorithm=config.algorithm,
        gate=quality_gate(config),
        instance_type=chosen.instance_type,
        volume_gb=chosen.volume_gb,
        max_runtime=Duration.minutes(chosen.max_runtime_minutes),
        baseline_iterations=chosen.baseline_iterations,
        map_documents=chosen.map_documents,
        quote_documents=chosen.quote_documents,
        word_vectors=_word_vectors(config, data),
        shows_trials=config.tuning.enabled,
    )


def quality_gate(config: EnvironmentConfig) -> QualityGate:
    """Return the quality gate."""
    return QualityGate(thresholds=config.gate.thresholds())


def transform_props(config: EnvironmentConfig, algorithm: NtmAlgorithm, jobs: JobSettings) -> TopicTransformProps:
    """Return the properties of batch transform."""
    chosen = config.vectorize
    return TopicTransformProps(
        algorithm=algorithm,
        jobs=jobs,
        instance_type=chosen.instance_type,
        instance_count=chosen.instance_count,
        max_payload_mb=chosen.max_payload_mb,
        max_concurrent=chosen.max_concurrent,
    )


def _job_time(max_runtime_minutes: int, max_spot_wait_minutes: int | None) -> JobTime:
    wait = max_spot_wait_minutes
    return JobTime(
        max_runtime=Duration.minutes(max_runtime_minutes),
        max_spot_wait=None if wait is None else Duration.minutes(wait),
    )


def _word_vectors(config: EnvironmentConfig, data: DataBucket) -> str | None:
    key = config.evaluation.word_vectors
    return data.uri(f"{RAW}/{key}") if key else None


def _search(config: EnvironmentConfig) -> TuningSearch:
    chosen = config.tuning
    runtime = chosen.max_runtime_minutes
    return TuningSearch(
        strategy=_STRATEGIES[chosen.strategy],
        objective=chosen.objective,
        ranges=chosen.ranges.to_ranges(),
        max_jobs=None if chosen.strategy == "grid" else chosen.max_jobs,
        parallel_jobs=chosen.parallel_jobs,
        max_runtime_seconds=None if runtime is None else runtime * 60,
        early_stopping=chosen.early_stopping,
        min_epochs=chosen.hyperband_min_epochs,
        max_epochs=chosen.epochs,
        target=chosen.completion.target,
        jobs_without_improvement=chosen.completion.stop_after_jobs_without_improvement,
        stop_on_convergence=chosen.completion.on_convergence,
        random_seed=chosen.random_seed,
    )


def _warm_start(config: EnvironmentConfig) -> WarmStart | None:
    chosen = config.tuning.warm_start
    if chosen.from_job is None:
        return None
    return "IdenticalDataAndAlgorithm" if chosen.type == "identical_data" else "TransferLearning"
