"""What ``delivery.yaml`` may say: which repository's changes reach which environments, in which order, and by what.

The file is optional: without it, changes are deployed by people, with ``make deploy``.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stacks.config.sections.automation import Emails
from stacks.config.sections.base import Section, refuse


def _not_an_address(repository: str) -> str:
    if repository.endswith(".git"):
        raise refuse("this ends as its address does, not as its name", repository.removesuffix(".git"))
    return repository


def _known_to_git(branch: str) -> str:
    if branch.startswith("refs/"):
        raise refuse("not the name alone", branch.removeprefix("refs/heads/"))
    parts = branch.split("/")
    if ".." in branch or branch.endswith(".") or any(not p or p.startswith(".") or p.endswith(".lock") for p in parts):
        raise refuse("git has no such branch", "a name that git check-ref-format accepts")
    return branch


# GitLab's owners may be groups in groups.
Repository = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", max_length=200), AfterValidator(_not_an_address)
]
# Of what git allows, without the characters that a policy or a shell would read in another way.
Branch = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=200), AfterValidator(_known_to_git)]
Connection = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$"
    ),
]


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise refuse("an environment stands twice", "each environment once, in the order in which changes reach them")
    return names


class GitHubConfig(Section):
    """Delivery by the workflow of ``.github/workflows``, whose jobs assume roles by OpenID Connect.

    Repositories that were made, renamed or transferred since the summer of 2026 name themselves to AWS with their ids,
    which nobody else can ever have: https://docs.github.com/en/actions/reference/security/oidc.
    """

    owner_id: int | None = Field(default=None, ge=1, description="GitHub's number of the repository's owner.")
    repository_id: int | None = Field(default=None, ge=1, description="GitHub's number of the repository.")
    provider: Literal["create", "existing"] = Field(
        default="create",
        description="Whether the accounts get GitHub's identity provider, of which each can have one, or have it.",
    )

    @model_validator(mode="after")
    def _both_ids(self) -> "GitHubConfig":
        if (self.owner_id is None) != (self.repository_id is None):
            raise refuse("half of the ids", "owner_id and repository_id, or neither")
        return self


class CodePipelineConfig(Section):
    """Delivery by AWS CodePipeline, in the account and the region of its connection to the repository."""

    connection: Connection = Field(description="ARN of the connection to the repository, once somebody accepted it.")
    approvers: Emails = Field(
        default=(), strict=False, description="Addresses that are told when a change waits for an approval."
    )

    @property
    def account(self) -> str:
        """The account of the pipeline."""
        return self.connection.split(":")[4]

    @property
    def region(self) -> str:
        """The region of the pipeline."""
        return self.connection.split(":")[3]


class DeliveryConfig(Section):
    """How changes of the repository reach the environments."""

    repository: Repository = Field(description="Owner and name of the repository, in the letters that its host shows.")
    branch: Branch = Field(default="main", description="The branch whose commits are delivered.")
    environments: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_different)] = Field(
        strict=False, description="The environments, in the order in which a change reaches them."
    )
    github: GitHubConfig | None = Field(default=None, description="Delivery by GitHub Actions.")
    codepipeline: CodePipelineConfig | None = Field(default=None, description="Delivery by AWS CodePipeline.")

    @model_validator(mode="after")
    def _one_way(self) -> "DeliveryConfig":
        if (self.github is None) == (self.codepipeline is None):
            raise refuse("changes are delivered in one way", "either github or codepipeline")
        if self.github and self.repository.count("/") != 1:
            raise refuse(f"GitHub has no repository {self.repository!r}", "repository: owner/name")
        return self
