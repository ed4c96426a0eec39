"""OpenID Connect identities of GitHub Actions jobs, which need no stored AWS keys."""

from dataclasses import dataclass

from aws_cdk import ArnFormat, RemovalPolicy, Stack, aws_iam

from constructs import Construct
from constructs.common.removal import removal_of_named

_ISSUER = "token.actions.githubusercontent.com"
# The audience that aws-actions/configure-aws-credentials requests.
_AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class GitHubBranch:
    """Branch of a repository.

    Attributes:
        repository: ``owner/name``.
        branch: Name of the branch.
        ids: GitHub's numeric IDs of owner and repository, if its tokens contain them.
    """

    repository: str
    branch: str
    ids: tuple[int, int] | None = None

    @property
    def subject(self) -> str:
        """Prefix of the claim ``sub``; see https://docs.github.com/en/actions/reference/security/oidc."""
        if self.ids is None:
            return f"repo:{self.repository}"
        (owner, name), (owner_id, repository_id) = self.repository.split("/"), self.ids
        return f"repo:{owner}@{owner_id}/{name}@{repository_id}"


class GitHubIdentity(Construct):
    """GitHub's identity provider and the principals for trust policies.

    An account can have only one provider per issuer. Others may use this one too, so it is retained when the stack is
    deleted.
    """

    def __init__(self, scope: Construct, id: str, *, source: GitHubBranch, create_provider: bool) -> None:
        """Create the provider, or refer to an existing one.

        Args:
            scope: Parent construct.
            id: Construct ID.
            source: Branch whose jobs are trusted.
            create_provider: Whether to create the account's identity provider for GitHub.
        """
        super().__init__(scope, id)
        self._source = source
        if create_provider:
            self._provider_arn = aws_iam.OidcProviderNative(
                self,
                "Provider",
                url=f"https://{_ISSUER}",
                client_ids=[_AUDIENCE],
                removal_policy=removal_of_named(RemovalPolicy.RETAIN),
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
        """Return the principal of the branch's jobs in a GitHub environment, which run after its protection rules."""
        return self._job(f"environment:{environment}")

    def job(self) -> aws_iam.IPrincipal:
        """Return the principal of the branch's jobs without a GitHub environment."""
        return self._job(f"ref:{self._ref}")

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._source.branch}"

    def _job(self, context: str) -> aws_iam.IPrincipal:
        """Return the principal of jobs by subject and branch.

        The subject of a job in a GitHub environment does not contain the branch. IAM has supported the claim ``ref``
        since January 2026, see
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
        """
        claims = {"aud": _AUDIENCE, "sub": f"{self._source.subject}:{context}", "ref": self._ref}
        return aws_iam.WebIdentityPrincipal(
            self._provider_arn, {"StringEquals": {f"{_ISSUER}:{claim}": value for claim, value in claims.items()}}
        )
