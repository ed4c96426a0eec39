"""The section of preprocessing."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stacks.config.sections.base import Section, Words, refuse

Column = Annotated[str, Field(pattern=r"^[^,]*[^,\s][^,]*$")]


class PreprocessingConfig(Section):
    """From raw text to bags of words: the defaults of a run, and the function that does it."""

    text_columns: Annotated[tuple[Column, ...], Words("list of different column names")] = Field(
        default=("text",),
        strict=False,
        json_schema_extra={"minItems": 1, "uniqueItems": True},
        description="Columns whose texts make a document, joined in this order; a run may say otherwise.",
    )
    id_column: Annotated[str, Words("text, perhaps empty")] = Field(
        default="id",
        description="Column that names a document, or nothing: its place in the file does; a run may say otherwise.",
    )
    vocabulary_size: int = Field(
        default=5000, ge=2, le=1_000_000, description="Words kept at most, the most frequent first (NTM's feature_dim)."
    )
    min_document_frequency: int = Field(
        default=5, ge=1, description="Words that fewer documents than this contain are left out."
    )
    max_document_share: float = Field(
        default=0.5, gt=0, le=1, description="Words that a greater share of the documents contains are left out."
    )
    min_word_length: int = Field(default=3, ge=1, le=50, description="Shorter words are left out.")
    stop_words: Literal["english", "none"] = Field(default="english", description="The list of words to leave out.")
    validation_share: float = Field(default=0.1, gt=0, lt=0.5, description="Share of the documents that validates.")
    test_share: float = Field(default=0.1, gt=0, lt=0.5, description="Share of the documents that is held out.")
    memory_mb: int = Field(
        default=3008, ge=128, le=10_240, description="Memory of the function; it gets processor time in proportion."
    )

    @field_validator("text_columns")
    @classmethod
    def _different(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if not columns or len(set(columns)) < len(columns):
            raise refuse("no column, or one twice", "one or more different columns")
        return columns
