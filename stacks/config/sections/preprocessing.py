"""Preprocessing."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stacks.config.sections.base import LONGEST_PARAMETER, Section, Words, refuse

Column = Annotated[str, Field(pattern=r"^[^,]*[^,\s][^,]*$")]


class PreprocessingConfig(Section):
    """Preprocessing of raw text into bags of words."""

    text_columns: Annotated[tuple[Column, ...], Words("list of different column names")] = Field(
        default=("text",),
        strict=False,
        json_schema_extra={"minItems": 1, "uniqueItems": True},
        description="Columns joined, in this order, into a document's text. A run may override them.",
    )
    id_column: Annotated[str, Words("text of at most 1,024 characters, may be empty")] = Field(
        default="id",
        max_length=LONGEST_PARAMETER,
        description="Column of document IDs. If empty, the position in the file is the ID. A run may override it.",
    )
    vocabulary_size: int = Field(
        default=5000,
        ge=2,
        le=1_000_000,
        description="Maximum number of words, the most frequent first (NTM's feature_dim).",
    )
    min_document_frequency: int = Field(default=5, ge=1, description="Ignore words that occur in fewer documents.")
    max_document_share: float = Field(
        default=0.5, gt=0, le=1, description="Ignore words that occur in a larger share of the documents."
    )
    min_word_length: int = Field(default=3, ge=1, le=50, description="Ignore shorter words.")
    stop_words: Literal["english", "none"] = Field(default="english", description="List of stop words.")
    validation_share: float = Field(default=0.1, gt=0, lt=0.5, description="Share of the documents for validation.")
    test_share: float = Field(
        default=0.1, gt=0, lt=0.5, description="Share of the documents held out for the evaluation."
    )
    memory_mb: int = Field(default=3008, ge=128, le=10_240, description="Memory of the function; CPU is proportional.")

    @field_validator("text_columns")
    @classmethod
    def _different(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if not columns or len(set(columns)) < len(columns):
            raise refuse("no column or a duplicate one", "one or more different columns")
        if (length := len(",".join(columns))) > LONGEST_PARAMETER:
            raise refuse(f"{length} characters with commas", f"at most {LONGEST_PARAMETER}")
        return columns
