"""Data bucket."""

from typing import Annotated, Literal

from pydantic import Field

from stacks.config.sections.base import GREATEST, Also, Section


class DataConfig(Section):
    """Bucket for corpora, bags of words and models."""

    removal: Annotated[Literal["retain", "destroy"], Also("retain in production")] = Field(
        default="retain", description="Retain or destroy the bucket, its objects and its key when the stack is deleted."
    )
    expire_runs_after_days: int = Field(
        default=90,
        ge=1,
        le=GREATEST,
        description="Expiration of bags of words, scores, checkpoints and captured requests. Models, evaluations and "
        "vectors never expire.",
    )
    expire_old_versions_after_days: Annotated[int, Also("≥ 7 in production")] = Field(
        default=30, ge=1, le=GREATEST, description="Time for which an overwritten or deleted object can be restored."
    )
    expire_access_logs_after_days: int = Field(
        default=365, ge=1, le=GREATEST, description="Expiration of the bucket's access logs."
    )
