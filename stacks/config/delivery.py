"""Fields of ``delivery.yaml``, which configures continuous delivery.

The file is optional. Without it, people deploy changes with ``make deploy``.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stacks.config.sections.automation import Emails
from stacks.config.sections.base import Section, refuse


def _not_an_address(repository: str) -> str:
    if repository.endswith(".git"):
        raise refuse("it is part of the URL, not the repository's name", repository.removesuffix(".git"))
    return repository


def _known_to_git(branch: str) -> str:
    if branch.startswith("refs/"):
        raise refuse("not a plain branch name", branch.removeprefix("refs/heads/"))
    parts = branch.split("/")
    if ".." in branch or branch.endswith(".") or any(not p or p.startswith(".") or p.endswith(".lock") for p in parts):
        raise refuse("not a valid branch name", "a name that git check-ref-format accepts")
    return branch


# GitLab's owners may be nested groups.
Repository = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", max_length=200), AfterValidator(_not_an_address)
]
# A subset of git's names, without characters that are special in policies or shells.
Branch = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=200), AfterValidator(_known_to_git)]
Connection = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$"
    ),
]


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise refuse("duplicate environment", "each environment once, in the order of delivery")
    return names


class GitHubConfig(Section):
    """Delivery by the workflows in ``.github/workflows``, whose jobs assume roles with OpenID Connect.

    Tokens of repositories created, renamed or transferred since summer 2026 contain immutable IDs; see
    https://docs.github.com/en/actions/reference/security/oidc.
    """

    owner_id: int | None = Field(default=None, ge=1, description="GitHub's numeric ID of the repository's owner.")
    repository_id: int | None = Field(default=None, ge=1, description="GitHub's numeric ID of the repository.")
    provider: Literal["create", "existing"] = Field(
        default="create",
        description="Create GitHub's identity provider in each account, or use the existing one.",
    )

    @model_validator(mode="after")
    def _both_ids(self) -> "GitHubConfig":
        if (self.owner_id is None) != (self.repository_id is None):
            raise refuse("only one of the IDs is set", "owner_id and repository_id, or neither")
        return self


class CodePipelineConfig(Section):
    """Delivery by AWS CodePipeline, in the account and region of its connection to the repository."""

    connection: Connection = Field(
        description="ARN of the connection to the repository, which must have been accepted."
    )
    approvers: Emails = Field(
        default=(), strict=False, description="Email addresses notified when a change awaits approval."
    )

    @property
    def account(self) -> str:
        """Account of the delivery pipeline."""
        return self.connection.split(":")[4]

    @property
    def region(self) -> str:
        """Region of the delivery pipeline."""
        return self.connection.split(":")[3]


class DeliveryConfig(Section):
    """Continuous delivery of the repository's changes to the environments."""

    repository: Repository = Field(description="owner/name of the repository, with the host's capitalization.")
    branch: Branch = Field(default="main", description="Branch whose commits are delivered.")
    environments: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_different)] = Field(
        strict=False, description="Environments, in the order of delivery."
    )
    github: GitHubConfig | None = Field(default=None, description="Delivery by GitHub Actions.")
    codepipeline: CodePipelineConfig | None = Field(default=None, description="Delivery by AWS CodePipeline.")

    @model_validator(mode="after")
    def _one_way(self) -> "DeliveryConfig":
        if (self.github is None) == (self.codepipeline is None):
            raise refuse("exactly one way of delivery is required", "either github or codepipeline")
        if self.github and self.repository.count("/") != 1:
            raise refuse(f"{self.repository!r} is not a repository name on GitHub", "repository: owner/name")
        return self
