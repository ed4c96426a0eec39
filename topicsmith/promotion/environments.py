"""The two environments of a promotion, each reached with credentials of its own account."""

from dataclasses import dataclass

from topicsmith.core import environment
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.environment_file import EnvironmentFile
from topicsmith.core.errors import OperatorError


@dataclass(frozen=True)
class Side:
    """An environment: what its file says, what is deployed, and the way to it.

    Attributes:
        account: the AWS account that it is in.
    """

    file: EnvironmentFile
    clients: Clients
    deployment: Deployment
    account: str

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.file.name

    def command(self, arguments: str) -> str:
        """Return a shell command about this environment, with the credentials that reached it."""
        profile = f"AWS_PROFILE={self.clients.profile} " if self.clients.profile else ""
        return profile + self.deployment.command(arguments)

    def owns(self, arn: str) -> bool:
        """Tell whether a model package is of this environment's registry."""
        parts = arn.split(":", 5)
        return parts[4] == self.account and parts[5].startswith(f"model-package/{self.deployment.model_package_group}/")


def reach(file: EnvironmentFile, *, profile: str | None, option: str, beside: Side | None = None) -> Side:
    """Return an environment as it is deployed.

    Args:
        file: its file.
        profile: of AWS's configuration files; without it, the credentials of the environment variables.
        option: the option that gives a profile for it.
        beside: the other environment, whose clients will do where it is reached in the same way.

    Raises:
        OperatorError: the credentials are of another account than the file says, or it is not deployed there.
    """
    region = file.settings.region
    same = beside is not None and (beside.clients.profile, beside.file.settings.region) == (profile, region)
    clients = beside.clients if beside and same else connect(profile=profile, region=region)
    credentials = f"The credentials of profile {profile}" if profile else "Your credentials"
    elsewhere = f"Say with which profile to reach the account of {file.name}: {option} NAME"
    if file.settings.account and file.settings.account != clients.account:
        raise OperatorError(
            f"{credentials} are of account {clients.account}, but {file.shown} says account: "
            f'"{file.settings.account}".',
            elsewhere,
        )
    try:
        deployment = environment.load(clients, file.name)
    except OperatorError as error:
        raise OperatorError(
            f"{error.message} {credentials} are of account {clients.account}.",
            f"{error.next_step}\n{elsewhere}",
        ) from error
    return Side(file, clients, deployment, clients.account)


def require_declared(source: EnvironmentFile, target: EnvironmentFile) -> None:
    """Make sure that the target's file says that models come from the source: that is what shares them.

    Raises:
        OperatorError: it says something else.
    """
    declared = target.settings.promotion.source
    if source.name == target.name:
        raise OperatorError(
            f"A model of {source.name} cannot be promoted to {target.name}: it is there.",
            "--from and --to are two environments.",
        )
    if declared == source.name:
        return
    wanted = f"promotion: {{from: {source.name}}}"
    deploy = f"make deploy ENV={source.name} && make deploy ENV={target.name}"
    if declared is None:
        raise OperatorError(
            f"{target.shown} does not say that models come from {source.name}, so that {source.name} shares none.",
            f"Write into it  {wanted}  and deploy both: {deploy}",
        )
    raise OperatorError(
        f"{target.shown} says that models come from {declared}, not from {source.name}.",
        f"Promote from there: --from {declared}. Or write into it  {wanted}  and deploy both: {deploy}",
    )


def require_one_account_or_two_named(source: Side, target: Side) -> None:
    """Make sure that two accounts are named in the files: without the names, neither lets the other in.

    Raises:
        OperatorError: they are not.
    """
    if source.account != target.account and not (source.file.settings.account and target.file.settings.account):
        raise OperatorError(
            f"{source.name} is in account {source.account} and {target.name} in account {target.account}, but "
            f"{source.file.shown} and {target.file.shown} do not both say their account, so that nothing is shared.",
            "Write the key account into both, and deploy both.",
        )
