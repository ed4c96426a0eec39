"""The section of whose models come here without being trained again."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse


class PromotionConfig(Section):
    """Whose models come here without being trained again, and how.

    The environment that they come from shares what that takes with the account of this one, and nothing else; its own
    file says nothing of it. Both files name their account, or neither does: both environments are then in the account
    of whoever deploys. Images that models of other environments have are kept when the stacks are deleted, also with
    `data.removal: destroy`.
    """

    source: Annotated[str, Words("another environment of the same region")] | None = Field(
        default=None,
        alias="from",
        description="The environment whose approved models are promoted to this one; without it, none is.",
    )
    method: Annotated[
        Literal["pin", "register"],
        Also("pin in production only from where `data.removal` is retain; register without `serving.model_package`"),
    ] = Field(
        default="register",
        description="Whether a promotion sets serving.model_package to the other environment's model, for a pull "
        "request, or registers a copy here, which is approved and served.",
    )

    @model_validator(mode="after")
    def _from_somewhere(self) -> "PromotionConfig":
        if self.source is None and "method" in self.model_fields_set:
            raise refuse("a method, and nothing to promote from", "from and method, or neither")
        return self
