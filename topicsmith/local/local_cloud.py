"""Making this process, and those that it starts, clients of the local cloud and of nothing else."""

import os
from pathlib import Path

from localcloud import control
from localcloud.control import AnotherCloudRunsError, LocalCloud, LocalCloudError
from topicsmith.core import checkout, environment_file, invocation
from topicsmith.core.errors import OperatorError
from topicsmith.core.invocation import command

_ENVIRONMENT = "dev"
# Each region has the image in another account of AWS's.
_BUILT_IN_NTM = "*/ntm"


def running() -> LocalCloud | None:
    """Return the running local cloud, or ``None``."""
    return control.running(checkout.state_dir())


def require() -> LocalCloud:
    """Return the running local cloud.

    Raises:
        OperatorError: none is running.
    """
    cloud = running()
    if cloud is None:
        raise OperatorError("The local cloud is not running.", f"Start it: {command('local up --deploy')}")
    return cloud


def start(port: int | None, state_dir: Path | None) -> LocalCloud:
    """Start the local cloud, or return the one that runs with this ``state_dir``; see ``control.up``.

    Its account and its region are those in ``environments/dev.yaml``.

    Raises:
        OperatorError: it did not start, or has another account or region.
    """
    account_id, region = _place()
    try:
        return control.up(
            port=port,
            state_dir=state_dir or checkout.state_dir(),
            account_id=account_id,
            region=region,
            images={_BUILT_IN_NTM: checkout.project_root() / "containers" / "ntm"},
            node_modules=checkout.project_root() / "node_modules",
        )
    except AnotherCloudRunsError as error:
        raise OperatorError(str(error), f"Stop it: {command('local down')}") from error
    except LocalCloudError as error:
        raise OperatorError(str(error)) from error


def _place() -> tuple[str | None, str | None]:
    """Return account and region of the environment for which the local cloud is there first of all."""
    if not (environment_file.FOLDER / f"{_ENVIRONMENT}.yaml").is_file():
        return None, None
    said = environment_file.read(environment_file.FOLDER, _ENVIRONMENT).settings
    return said.account, said.region


def variables(cloud: LocalCloud) -> dict[str, str]:
    """Return the environment variables of a client of ``cloud``; a proxy must not be asked for localhost."""
    hosts = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "localhost"]))
    return {**cloud.environ(), "NO_PROXY": hosts, "no_proxy": hosts}


def use(cloud: LocalCloud) -> None:
    """Put ``variables`` into this process's environment, and whatever could lead elsewhere out of it.

    ``AWS_PROFILE`` stays where it names an account of the cloud.
    """
    profile = os.environ.get("AWS_PROFILE")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= variables(cloud)
    if profile in cloud.accounts:
        os.environ["AWS_PROFILE"] = profile
    invocation.remember(local=True)
