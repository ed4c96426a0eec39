"""The section of the HTTP API in front of the endpoint."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse

Audience = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]


class HttpApiConfig(Section):
    """An HTTP API in front of the endpoint, for callers without an AWS SDK or AWS credentials.

    `POST /invocations` at the address in the serving stack's output `HttpApiUrl` takes and gives what the endpoint
    does, within 30 seconds and somewhat under 6 MB, of what is not text 4 MB. Callers from AWS ask the endpoint itself,
    with the policy in the output `CallerPolicyArn`.
    """

    auth: Literal["iam", "jwt"] | None = Field(
        default=None,
        description="Who may call: who has AWS credentials and the callers' policy, or who has a token; without it, "
        "there is no API.",
    )
    issuer: Annotated[str, Words("https address"), Also("only with jwt, and then needed")] | None = Field(
        default=None,
        pattern=r"^https://\S+$",
        description="Issuer of the tokens, as in their claim iss; its OpenID configuration must be public.",
    )
    audience: Annotated[tuple[Audience, ...], Words("list of at most 50"), Also("only with jwt, and then needed")] = (
        Field(default=(), strict=False, max_length=50, description="Values of the tokens' claim aud that are accepted.")
    )
    rate_limit: int = Field(default=50, ge=1, le=10_000, description="Requests a second, of all callers together.")
    burst_limit: int = Field(default=100, ge=1, le=5_000, description="Requests at one time, of all callers together.")

    @model_validator(mode="after")
    def _tokens_have_an_issuer(self) -> "HttpApiConfig":
        says = self.issuer is not None or bool(self.audience)
        if self.auth == "jwt" and not (self.issuer and self.audience):
            raise refuse("auth: jwt accepts no token", "issuer and audience")
        if self.auth != "jwt" and says:
            raise refuse("issuer and audience are of tokens", "neither, or auth: jwt")
        return self
