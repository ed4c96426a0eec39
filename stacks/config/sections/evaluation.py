"""The sections of what comes after training: evaluation, gate, vectorization."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from constructs.common.instance_types import processing_instance_types, transform_instance_types
from stacks.config.sections.base import Also, OneOf, Section, Words, check_instance_type, refuse, runs_our_image

ProcessingInstanceType = Annotated[
    str,
    OneOf(lambda: runs_our_image(processing_instance_types())),
    Words("x86 instance types that SageMaker processes on"),
]
TransformInstanceType = Annotated[
    str,
    OneOf(lambda: runs_our_image(transform_instance_types())),
    Words("x86 instance types that SageMaker transforms on"),
]


class EvaluationConfig(Section):
    """The evaluation of a model."""

    instance_type: ProcessingInstanceType = Field(
        default="ml.m5.xlarge", description="Instance type of the evaluation."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of the volume for data and model.")
    max_runtime_minutes: int = Field(
        default=60, ge=1, le=5 * 24 * 60, description="Time after which the evaluation is stopped."
    )
    baseline_iterations: int = Field(default=200, ge=10, le=10_000, description="Iterations of the LDA baseline.")
    map_documents: int = Field(default=2000, ge=100, le=5000, description="Documents on the report's map at most.")
    quote_documents: bool = Field(default=True, description="Whether the report shows texts of documents.")
    word_vectors: Annotated[str, Words("a key below `raw/`")] | None = Field(
        default=None,
        pattern=r"^[^/].*[^/]$",
        description="Word vectors in GloVe's text format, a key below raw/, for the metric WETC.",
    )

    @field_validator("instance_type")
    @classmethod
    def _processes_here(cls, instance_type: str) -> str:
        check_instance_type(instance_type, "processing", processing_instance_types())
        return instance_type


class GateConfig(Section):
    """What a model must reach on the test split to be registered; null asks for nothing.

    At least one threshold is needed. A run below one of them ends as failed, with the metric, its value and the
    threshold. The baseline is LDA with the same vocabulary and number of topics.
    """

    npmi: float | None = Field(default=None, ge=-1, le=1, description="Least NPMI coherence.")
    c_v: float | None = Field(default=None, ge=0, le=1, description="Least C_V coherence.")
    topic_uniqueness: float | None = Field(default=0.3, ge=0, le=1, description="Least topic uniqueness.")
    topic_diversity: float | None = Field(default=None, ge=0, le=1, description="Least topic diversity.")
    wetc: Annotated[float, Also("only with `evaluation.word_vectors`")] | None = Field(
        default=None, ge=-1, le=1, description="Least coherence of word vectors, with evaluation.word_vectors."
    )
    perplexity: float | None = Field(default=None, gt=1, description="Greatest perplexity of held-out words.")
    npmi_over_baseline: float | None = Field(
        default=0.0, ge=-2, le=2, description="Least difference of NPMI to the LDA baseline's."
    )
    topic_uniqueness_over_baseline: float | None = Field(
        default=None, ge=-1, le=1, description="Least difference of topic uniqueness to the LDA baseline's."
    )
    perplexity_to_baseline: float | None = Field(
        default=None, gt=0, description="Greatest ratio of perplexity to the LDA baseline's."
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> "GateConfig":
        if not self.thresholds():
            raise refuse("no threshold", "at least one")
        return self

    def thresholds(self) -> dict[str, float]:
        """Return the thresholds that there are, by name."""
        return self.model_dump(exclude_none=True)


class VectorizeConfig(Section):
    """Batch transform: the topics of every document of the corpus."""

    enabled: bool = Field(default=True, description="Whether the model reads the whole corpus once it passed.")
    instance_type: TransformInstanceType = Field(default="ml.m5.large", description="Instance type of batch transform.")
    instance_count: int = Field(default=1, ge=1, le=100, description="Number of instances.")
    max_payload_mb: int = Field(default=6, ge=1, le=100, description="Size of a request to an instance.")
    max_concurrent: Annotated[int, Also("times `max_payload_mb` ≤ 100")] = Field(
        default=1,
        ge=0,
        le=100,
        validate_default=True,
        description="Requests to an instance at one time; 0 for as many as SageMaker thinks right.",
    )

    @field_validator("instance_type")
    @classmethod
    def _transforms_here(cls, instance_type: str) -> str:
        check_instance_type(instance_type, "batch transform", transform_instance_types())
        return instance_type

    @field_validator("max_concurrent")
    @classmethod
    def _fits(cls, max_concurrent: int, info: ValidationInfo) -> int:
        payload = info.data.get("max_payload_mb", 1)
        if payload * max_concurrent > 100:
            raise refuse("SageMaker takes 100 MB at one time", f"{100 // payload} or less, or a smaller max_payload_mb")
        return max_concurrent
