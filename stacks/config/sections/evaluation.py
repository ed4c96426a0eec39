"""Evaluation, quality gate and batch transform."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from constructs.common.instance_types import processing_instance_types, transform_instance_types
from stacks.config.sections.base import (
    LONGEST_KEY_BELOW_RAW,
    Also,
    OneOf,
    Section,
    Words,
    check_instance_type,
    key_below_raw,
    refuse,
    runs_our_image,
)

ProcessingInstanceType = Annotated[
    str,
    OneOf(lambda: runs_our_image(processing_instance_types())),
    Words("x86 instance types of SageMaker processing"),
    Also("no GPU"),
]
TransformInstanceType = Annotated[
    str,
    OneOf(lambda: runs_our_image(transform_instance_types())),
    Words("x86 instance types of SageMaker batch transform"),
    Also("a GPU only with builtin"),
]


class EvaluationConfig(Section):
    """Evaluation of a trained model."""

    instance_type: ProcessingInstanceType = Field(
        default="ml.m5.xlarge", description="Instance type of the evaluation."
    )
    volume_gb: int = Field(default=30, ge=1, le=16_384, description="Size of the volume.")
    max_runtime_minutes: int = Field(default=60, ge=1, le=5 * 24 * 60, description="Time limit of the evaluation.")
    baseline_iterations: int = Field(default=200, ge=10, le=10_000, description="Iterations of the LDA baseline.")
    map_documents: int = Field(
        default=2000, ge=100, le=5000, description="Maximum number of documents on the report's map."
    )
    quote_documents: bool = Field(default=True, description="Quote documents in the report.")
    word_vectors: (
        Annotated[
            str, Field(pattern=r"^[^/].*[^/]$"), key_below_raw(LONGEST_KEY_BELOW_RAW), Words("a key below `raw/`")
        ]
        | None
    ) = Field(
        default=None,
        description="Key below raw/ of word vectors in GloVe's text format, for the metric WETC.",
    )

    @field_validator("instance_type")
    @classmethod
    def _processes_here(cls, instance_type: str) -> str:
        check_instance_type(instance_type, "processing", processing_instance_types())
        return instance_type


class GateConfig(Section):
    """Thresholds on the test split that a model must meet to be registered; null disables a threshold.

    At least one threshold is required. If a model misses one, the run fails with the metric, its value and the
    threshold. The baseline is LDA with the same vocabulary and number of topics.
    """

    npmi: float | None = Field(default=None, ge=-1, le=1, description="Minimum NPMI coherence.")
    c_v: float | None = Field(default=None, ge=0, le=1, description="Minimum C_V coherence.")
    topic_uniqueness: float | None = Field(default=0.3, ge=0, le=1, description="Minimum topic uniqueness.")
    topic_diversity: float | None = Field(default=None, ge=0, le=1, description="Minimum topic diversity.")
    wetc: Annotated[float, Also("only with `evaluation.word_vectors`")] | None = Field(
        default=None, ge=-1, le=1, description="Minimum coherence by word vectors (WETC)."
    )
    perplexity: float | None = Field(default=None, gt=1, description="Maximum perplexity of held-out words.")
    npmi_over_baseline: float | None = Field(
        default=0.0, ge=-2, le=2, description="Minimum NPMI minus that of the LDA baseline."
    )
    topic_uniqueness_over_baseline: float | None = Field(
        default=None, ge=-1, le=1, description="Minimum topic uniqueness minus that of the LDA baseline."
    )
    perplexity_to_baseline: float | None = Field(
        default=None, gt=0, description="Maximum ratio of perplexity to that of the LDA baseline."
    )

    @model_validator(mode="after")
    def _has_threshold(self) -> "GateConfig":
        if not self.thresholds():
            raise refuse("there is no threshold", "at least one")
        return self

    def thresholds(self) -> dict[str, float]:
        """Return the enabled thresholds by name."""
        return self.model_dump(exclude_none=True)


class VectorizeConfig(Section):
    """Batch transform, which predicts the topics of every document of the corpus."""

    enabled: bool = Field(default=True, description="Transform the whole corpus with each model that passed the gate.")
    instance_type: TransformInstanceType = Field(default="ml.m5.large", description="Instance type of batch transform.")
    instance_count: int = Field(default=1, ge=1, le=100, description="Number of instances.")
    max_payload_mb: int = Field(default=6, ge=1, le=100, description="Maximum size of a request to an instance.")
    max_concurrent: Annotated[int, Also("times `max_payload_mb` ≤ 100")] = Field(
        default=1,
        ge=0,
        le=100,
        validate_default=True,
        description="Maximum number of concurrent requests to an instance; 0 lets SageMaker choose.",
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
            raise refuse(
                "concurrent requests may have at most 100 MB in total",
                f"{100 // payload} or less, or a smaller max_payload_mb",
            )
        return max_concurrent
