"""HTTP API in front of the endpoint."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stacks.config.sections.base import Also, Section, Words, refuse

Audience = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]


class HttpApiConfig(Section):
    """HTTP API in front of the endpoint, for callers without an AWS SDK or AWS credentials.

    The serving stack's output `HttpApiUrl` accepts the endpoint's requests by `POST`, with a limit of 30 seconds and
    just under 6 MB (4 MB for binary data). Callers in AWS should invoke the endpoint directly, with the policy in the
    output `CallerPolicyArn`.
    """

    auth: Literal["iam", "jwt"] | None = Field(
        default=None,
        description="Authorization: IAM credentials with the callers' policy, or a JSON web token. Without it, there "
        "is no API.",
    )
    issuer: Annotated[str, Words("https address"), Also("required with jwt, otherwise not allowed")] | None = Field(
        default=None,
        max_length=2048,
        pattern=r"^https://\S+$",
        description="Issuer of the tokens (claim iss). Its OpenID configuration must be public.",
    )
    audience: Annotated[
        tuple[Audience, ...], Words("list of at most 50"), Also("required with jwt, otherwise not allowed")
    ] = Field(default=(), strict=False, max_length=50, description="Accepted audiences of the tokens (claim aud).")
    rate_limit: int = Field(default=50, ge=1, le=10_000, description="Requests per second for all callers together.")
    burst_limit: int = Field(default=100, ge=1, le=5_000, description="Concurrent requests for all callers together.")

    @model_validator(mode="after")
    def _tokens_have_an_issuer(self) -> "HttpApiConfig":
        says = self.issuer is not None or bool(self.audience)
        if self.auth == "jwt" and not (self.issuer and self.audience):
            raise refuse("auth: jwt needs an issuer and an audience", "issuer and audience")
        if self.auth != "jwt" and says:
            raise refuse("issuer and audience apply only to auth: jwt", "neither, or auth: jwt")
        return self
