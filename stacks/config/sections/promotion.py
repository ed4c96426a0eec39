"""Promotion of models from another environment."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse


class PromotionConfig(Section):
    """Promotion of models from another environment without retraining.

    The source environment grants this environment's account exactly the access it needs; its own file needs no setting.
    Either both files name an account or neither does, in which case both environments are in the deploying account.
    Images used by models of other environments are retained when the stacks are deleted, even with
    `data.removal: destroy`.
    """

    source: Annotated[str, Words("another environment of the same region")] | None = Field(
        default=None,
        alias="from",
        description="Environment whose approved models are promoted to this one.",
    )
    method: Annotated[
        Literal["pin", "register"],
        Also(
            "pin in production only if the source has `data.removal: retain`; register without `serving.model_package`"
        ),
    ] = Field(
        default="register",
        description="pin: set serving.model_package to the source environment's model, by pull request. register: "
        "register a copy in this environment, to be approved and served.",
    )

    @model_validator(mode="after")
    def _from_somewhere(self) -> "PromotionConfig":
        if self.source is None and "method" in self.model_fields_set:
            raise refuse("method has no effect without from", "from and method, or neither")
        return self
