"""Control of the local cloud, and configuration of this process as a client of it alone.

The package ``localcloud`` is optional and imported only when it is needed.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from topicsmith.core import checkout, environment_file, invocation
from topicsmith.core.errors import OperatorError
from topicsmith.core.invocation import command

if TYPE_CHECKING:
    from types import ModuleType

    from localcloud.control import LocalCloud

_ENVIRONMENT = "dev"
# Each region has the image in another account of AWS's.
_BUILT_IN_NTM = "*/ntm"
# Importing them takes longer than a tuning job's training of a small corpus.
_LIBRARIES = {"train": ("torch", "scipy.sparse")}


def running() -> "LocalCloud | None":
    """Return the running local cloud, or ``None``.

    Raises:
        OperatorError: The package ``localcloud`` is not installed.
    """
    cloud: LocalCloud | None = _control().running(checkout.state_dir())
    return cloud


def require() -> "LocalCloud":
    """Return the running local cloud.

    Raises:
        OperatorError: The local cloud is not running, or not installed.
    """
    cloud = running()
    if cloud is None:
        raise OperatorError("The local cloud is not running.", f"Start it: {command('local up --deploy')}")
    return cloud


def start(port: int | None, state_dir: Path | None) -> "LocalCloud":
    """Start the local cloud, or return the one already running with this ``state_dir``; see ``control.up``.

    Its account and region are those in ``environments/dev.yaml``.

    Raises:
        OperatorError: The cloud did not start, or is running with another account, region or port.
    """
    control = _control()
    account_id, region = _place()
    try:
        cloud: LocalCloud = control.up(
            port=port,
            state_dir=state_dir or checkout.state_dir(),
            account_id=account_id,
            region=region,
            images={_BUILT_IN_NTM: checkout.project_root() / "containers" / "ntm"},
            node_modules=checkout.project_root() / "node_modules",
            preload=_LIBRARIES,
        )
    except control.AnotherCloudRunsError as error:
        raise OperatorError(str(error), f"Stop it: {command('local down')}") from error
    except control.LocalCloudError as error:
        raise OperatorError(str(error)) from error
    if port is not None and cloud.endpoint_url.rpartition(":")[2] != str(port):
        raise OperatorError(
            f"The local cloud is already running at {cloud.endpoint_url}, not on port {port}.",
            f"Use that one, or stop it first, which deletes everything deployed to it: {command('local down')}",
        )
    return cloud


def stop(state_dir: Path | None = None) -> bool:
    """Stop the local cloud and delete its contents; return whether it was running."""
    return bool(_control().down(state_dir or checkout.state_dir()))


def variables(cloud: "LocalCloud") -> dict[str, str]:
    """Return the environment variables for clients of ``cloud``, which also exclude localhost from proxies."""
    hosts = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "localhost"]))
    return {**cloud.environ(), "NO_PROXY": hosts, "no_proxy": hosts}


def use(cloud: "LocalCloud") -> None:
    """Make this process a client of ``cloud``: set its variables and remove all others that configure AWS clients.

    ``AWS_PROFILE`` is kept if it names an account of the cloud.
    """
    profile = os.environ.get("AWS_PROFILE")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= variables(cloud)
    if profile in cloud.accounts:
        os.environ["AWS_PROFILE"] = profile
    invocation.remember(local=True)


def _place() -> tuple[str | None, str | None]:
    """Return the account and region of the dev environment, which are the local cloud's defaults."""
    folder = environment_file.folder()
    if not (folder / f"{_ENVIRONMENT}.yaml").is_file():
        return None, None
    settings = environment_file.read(folder, _ENVIRONMENT).settings
    return settings.account, settings.region


def _control() -> "ModuleType":
    try:
        from localcloud import control
    except ImportError as error:
        raise OperatorError(
            f"The local cloud is not installed ({error}).",
            "In the checkout: make local\nIn a virtual environment of your own: pip install ./localcloud",
        ) from error
    return control
