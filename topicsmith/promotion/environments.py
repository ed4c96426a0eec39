"""Environments of a promotion, each with credentials for its own account."""

from dataclasses import dataclass

from topicsmith.core import environment
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.environment_file import EnvironmentFile
from topicsmith.core.errors import OperatorError


@dataclass(frozen=True)
class Side:
    """Source or target environment: its file, its deployment, and clients of its account.

    Attributes:
        account: AWS account of the environment.
    """

    file: EnvironmentFile
    clients: Clients
    deployment: Deployment
    account: str

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.file.name

    def command(self, arguments: str) -> str:
        """Return a shell command for this environment, with its AWS profile."""
        profile = f"AWS_PROFILE={self.clients.profile} " if self.clients.profile else ""
        return profile + self.deployment.command(arguments)

    def owns(self, arn: str) -> bool:
        """Return whether a model package is in this environment's registry."""
        parts = arn.split(":", 5)
        return parts[4] == self.account and parts[5].startswith(f"model-package/{self.deployment.model_package_group}/")


def reach(file: EnvironmentFile, *, profile: str | None, option: str, beside: Side | None = None) -> Side:
    """Return a deployed environment.

    Args:
        file: File of the environment.
        profile: Profile of the AWS configuration files; default: the credentials in the environment variables.
        option: Command-line option that sets the profile.
        beside: Other environment; its clients are reused if profile and region are the same.

    Raises:
        OperatorError: The credentials belong to a different account than the one in the file, or the environment is
            not deployed there.
    """
    region = file.settings.region
    same = beside is not None and (beside.clients.profile, beside.file.settings.region) == (profile, region)
    clients = beside.clients if beside and same else connect(profile=profile, region=region)
    credentials = f"The credentials of profile {profile}" if profile else "Your credentials"
    elsewhere = f"Specify a profile for the account of {file.name}: {option} NAME"
    if file.settings.account and file.settings.account != clients.account:
        raise OperatorError(
            f"{credentials} belong to account {clients.account}, but {file.shown} says account: "
            f'"{file.settings.account}".',
            elsewhere,
        )
    try:
        deployment = environment.load(clients, file.name)
    except OperatorError as error:
        raise OperatorError(
            f"{error.message} {credentials} belong to account {clients.account}.",
            f"{error.next_step}\n{elsewhere}",
        ) from error
    return Side(file, clients, deployment, clients.account)


def require_declared(source: EnvironmentFile, target: EnvironmentFile) -> None:
    """Check that the target's file names the source in promotion.from, without which models are not shared.

    Raises:
        OperatorError: The file names another environment or none.
    """
    declared = target.settings.promotion.source
    if source.name == target.name:
        raise OperatorError(
            f"A model of {source.name} cannot be promoted to {target.name} itself.",
            "--from and --to must be different environments.",
        )
    if declared == source.name:
        return
    wanted = f"promotion: {{from: {source.name}}}"
    deploy = f"make deploy ENV={source.name} && make deploy ENV={target.name}"
    if declared is None:
        raise OperatorError(
            f"{target.shown} has no promotion.from, so {source.name} shares no models with {target.name}.",
            f"Add `{wanted}` to it and deploy both: {deploy}",
        )
    raise OperatorError(
        f"promotion.from in {target.shown} is {declared}, not {source.name}.",
        f"Promote from there (--from {declared}), or change it to `{wanted}` and deploy both: {deploy}",
    )


def require_one_account_or_two_named(source: Side, target: Side) -> None:
    """Check that both files name their accounts if the accounts differ, since the access policies depend on them.

    Raises:
        OperatorError: The accounts differ, but a file does not name its account.
    """
    if source.account != target.account and not (source.file.settings.account and target.file.settings.account):
        raise OperatorError(
            f"{source.name} is in account {source.account} and {target.name} in account {target.account}, but "
            f"{source.file.shown} and {target.file.shown} do not both name their account, so nothing is shared.",
            "Set `account` in both files and deploy both environments.",
        )
