"""How AWS knows a job of GitHub Actions, without a stored key."""

from dataclasses import dataclass

from aws_cdk import ArnFormat, RemovalPolicy, Stack, aws_iam

from constructs import Construct

_ISSUER = "token.actions.githubusercontent.com"
# What aws-actions/configure-aws-credentials asks GitHub to write into the token.
_AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class GitHubBranch:
    """A branch of a repository.

    Attributes:
        repository: owner and name, joined by a slash.
        branch: its name.
        ids: GitHub's numbers of the owner and of the repository, where the repository names itself to AWS with them.
    """

    repository: str
    branch: str
    ids: tuple[int, int] | None = None

    @property
    def subject(self) -> str:
        """How the claim ``sub`` begins, see https://docs.github.com/en/actions/reference/security/oidc."""
        if self.ids is None:
            return f"repo:{self.repository}"
        (owner, name), (owner_id, repository_id) = self.repository.split("/"), self.ids
        return f"repo:{owner}@{owner_id}/{name}@{repository_id}"


class GitHubIdentity(Construct):
    """Whom an account takes GitHub's jobs for, in trust policies.

    No two providers of an account can have the same issuer, and others may use this one: it outlives its stack.
    """

    def __init__(self, scope: Construct, id: str, *, source: GitHubBranch, create_provider: bool) -> None:
        """Make the provider, or find it.

        Args:
            scope: the parent.
            id: the id.
            source: the branch whose jobs are meant; no job of another one is trusted.
            create_provider: whether the account has no identity provider for GitHub yet.
        """
        super().__init__(scope, id)
        self._source = source
        if create_provider:
            self._provider_arn = aws_iam.OidcProviderNative(
                self,
                "Provider",
                url=f"https://{_ISSUER}",
                client_ids=[_AUDIENCE],
                removal_policy=RemovalPolicy.RETAIN,
            ).oidc_provider_arn
        else:
            self._provider_arn = Stack.of(self).format_arn(
                service="iam",
                region="",
                resource="oidc-provider",
                resource_name=_ISSUER,
                arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            )

    def job_of_environment(self, environment: str) -> aws_iam.IPrincipal:
        """Return a job of the branch in a GitHub environment, that is after whatever GitHub asks for before it."""
        return self._job(f"environment:{environment}")

    def job(self) -> aws_iam.IPrincipal:
        """Return a job of the branch in no GitHub environment."""
        return self._job(f"ref:{self._ref}")

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._source.branch}"

    def _job(self, context: str) -> aws_iam.IPrincipal:
        """Return a job by its subject and its branch: the subject of a job in an environment does not name the branch.

        AWS compares both claims since January 2026, see
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
        """
        claims = {"aud": _AUDIENCE, "sub": f"{self._source.subject}:{context}", "ref": self._ref}
        return aws_iam.WebIdentityPrincipal(
            self._provider_arn, {"StringEquals": {f"{_ISSUER}:{claim}": value for claim, value in claims.items()}}
        )
