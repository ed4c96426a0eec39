"""Start, find and stop the local cloud."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from localcloud.core import profiles, settings
from localcloud.core.errors import LocalCloudError as LocalCloudError

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_FOLDERS = (
    "bin",
    profiles.FOLDER,
    "images",
    "functions",
    "jobs",
    "processing-jobs",
    "transform-jobs",
    "endpoints",
)

# .gitignore of each state directory; a directory with a different one was not created by the local cloud.
_MARKER = "# Created by the local cloud.\n*\n"

# References to the servers, because Python warns about a child that outlives its Popen object.
_started: list[subprocess.Popen[bytes]] = []


class AnotherCloudRunsError(LocalCloudError):
    """A local cloud with another account or region already runs in the state directory."""


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud.

    Attributes:
        endpoint_url: Endpoint of the AWS API.
        pid: Id of the server process.
        state_dir: Directory of the log, images and jobs.
        access_key_id: Access key of the operator, the main account's administrator.
        secret_access_key: Its secret.
        account_id: The main account.
        region: Default region of clients.
    """

    endpoint_url: str
    pid: int
    state_dir: Path
    access_key_id: str
    secret_access_key: str
    account_id: str = settings.ACCOUNT_ID
    region: str = settings.DEFAULT_REGION

    @property
    def accounts(self) -> list[str]:
        """The accounts, the main one first; each number is also the name of a profile."""
        return profiles.accounts(self.state_dir)

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.state_dir / "server.log"

    @property
    def messages_file(self) -> Path:
        """Messages sent to SNS topics; the file appears with the first one."""
        return self.state_dir / settings.MESSAGES_FILE

    def environ(self) -> dict[str, str]:
        """Return the environment variables of a client: boto3, the SageMaker SDK, the AWS CLI or the CDK CLI.

        The operator's credentials come from a profile and not from variables, which would take precedence over
        ``AWS_PROFILE``.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **profiles.environ(self.state_dir),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DOCKER": str(self.state_dir / "bin" / "docker"),
            "LOCALCLOUD_STATE": str(self.state_dir),
        }


def running(state_dir: Path | None = None) -> LocalCloud | None:
    """Return the local cloud that runs with a state directory, or ``None``."""
    state_dir = state_dir or settings.state_dir()
    try:
        state = json.loads((state_dir / settings.STATE_FILE).read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError):
        return None
    if not _answers(state["endpoint_url"]):
        return None
    return LocalCloud(state_dir=state_dir, **state)


def up(
    *,
    port: int | None = None,
    state_dir: Path | None = None,
    account_id: str | None = None,
    region: str | None = None,
    images: Mapping[str, str | Path] | None = None,
    node_modules: Path | None = None,
    preload: Mapping[str, Sequence[str]] | None = None,
) -> LocalCloud:
    """Start the local cloud in the background and wait until it answers; return a running one unchanged.

    Arguments that are None default to the ``LOCALCLOUD_`` variables, and without these to the values below.

    Args:
        port: Port to listen on; default 4577.
        state_dir: Directory of the cloud's state; default ``.localcloud`` in the current directory.
        account_id: The main account; default 123456789012.
        region: Default region of clients; default us-east-1.
        images: Directories that stand in for images that exist only on AWS, by image URI. A URI without a tag matches
            all tags, and ``*`` matches any text without a slash. Images of a role's own account are never replaced.
        node_modules: Packages for Lambda functions in Node.js, such as the AWS SDK.
        preload: Modules that Python programs of images find imported, by program, for example
            ``{"train": ["torch"]}``. The programs start sooner.

    Raises:
        AnotherCloudRunsError: A local cloud with another account or region already runs with this state directory.
        LocalCloudError: The port is taken, or the server died.
    """
    state_dir = (state_dir or settings.state_dir()).resolve()
    place = {"account_id": account_id or settings.account_id(), "region": region or settings.region()}
    if cloud := running(state_dir):
        _require_place(cloud, place)
        return cloud
    command, environ = prepare(
        port=port,
        state_dir=state_dir,
        images=images,
        node_modules=node_modules,
        account_id=account_id,
        region=region,
        preload=preload,
    )
    log_file = state_dir / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=state_dir,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append(process)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while time.monotonic() < deadline and process.poll() is None:
            if cloud := running(state_dir):
                return cloud
            time.sleep(0.1)
    except BaseException:
        # Ctrl-C must not leave an untracked server behind.
        process.kill()
        raise
    process.kill()
    ending = log_file.read_text(errors="replace")[-2000:]
    raise LocalCloudError(f"The local cloud did not start. Its log, {log_file}, ends:\n{ending}")


def prepare(
    *,
    port: int | None = None,
    state_dir: Path | None = None,
    account_id: str | None = None,
    region: str | None = None,
    images: Mapping[str, str | Path] | None = None,
    node_modules: Path | None = None,
    preload: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Empty the state directory and return the server's command and environment; the arguments are those of ``up``.

    Raises:
        LocalCloudError: The port is taken, the directory contains other files, or a setting is invalid.
    """
    state_dir = (state_dir or settings.state_dir()).resolve()
    port = port or settings.port()
    account_id = account_id or settings.account_id()
    if not re.fullmatch(r"\d{12}", account_id):
        raise LocalCloudError(f"The account is {account_id!r}; allowed: twelve digits.")
    settings.minute_seconds()  # Fail here instead of in the server.
    _require_free(port)
    _claim(state_dir)
    _clear(state_dir)
    stand_ins = settings.stand_ins() if images is None else images
    modules = settings.preloads() if preload is None else preload
    package_parent = str(Path(__file__).parents[1])
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environ |= {
        "LOCALCLOUD_STATE": str(state_dir),
        "LOCALCLOUD_PORT": str(port),
        "LOCALCLOUD_ACCOUNT": account_id,
        "LOCALCLOUD_REGION": region or settings.region(),
        "LOCALCLOUD_IMAGES": json.dumps({uri: str(Path(where).resolve()) for uri, where in stand_ins.items()}),
        "LOCALCLOUD_PRELOAD": json.dumps({program: list(names) for program, names in modules.items()}),
        "PYTHONPATH": os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")])),
        "MOTO_PORT": str(port),
        # The policies that AWS manages, such as those that ``cdk bootstrap`` attaches.
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        # boto3 in the server must not read the user's own configuration.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if node_modules:
        environ["LOCALCLOUD_NODE_MODULES"] = str(node_modules.resolve())
    return [sys.executable, "-P", "-m", "localcloud.server"], environ


def down(state_dir: Path | None = None) -> bool:
    """Stop the local cloud and all of its processes, and delete its state; return ``False`` if none was running."""
    state_dir = state_dir or settings.state_dir()
    cloud = running(state_dir)
    if cloud is None:
        return False
    os.kill(cloud.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _alive(cloud.pid):
        if time.monotonic() > deadline:
            os.kill(cloud.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    _clear(state_dir)
    return True


def _claim(state_dir: Path) -> None:
    """Create the state directory; raise if it contains files that the local cloud would delete."""
    marker = state_dir / ".gitignore"
    is_ours = (state_dir / "server.log").exists() or (marker.exists() and marker.read_text() == _MARKER)
    taken = [name for name in _FOLDERS if (state_dir / name).exists()]
    if taken and not is_ours:
        raise LocalCloudError(
            f"{state_dir} is not a state directory: it has {taken[0]}, which the local cloud would delete. "
            "Choose another directory."
        )
    state_dir.mkdir(parents=True, exist_ok=True)
    if not marker.exists():
        marker.write_text(_MARKER)


def _clear(state_dir: Path) -> None:
    """Delete the state of an earlier cloud, except its log."""
    for name in _FOLDERS:
        shutil.rmtree(state_dir / name, ignore_errors=True)
    for name in (settings.STATE_FILE, settings.MESSAGES_FILE):
        (state_dir / name).unlink(missing_ok=True)


def _require_place(cloud: LocalCloud, place: Mapping[str, str]) -> None:
    running = {"account_id": cloud.account_id, "region": cloud.region}
    if running != place:
        raise AnotherCloudRunsError(
            f"A local cloud with account {cloud.account_id} in {cloud.region} already runs in {cloud.state_dir}, and "
            f"account {place['account_id']} in {place['region']} was requested. Stop it first; everything deployed to "
            "it is then deleted."
        )


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("localhost", port))
        except OSError as error:
            raise LocalCloudError(
                f"Port {port} is taken ({error.strerror}). Stop the process that listens there, or choose another port."
            ) from None


def _answers(endpoint_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint_url}/moto-api/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _alive(pid: int) -> bool:
    for server in _started:
        if server.pid == pid:
            return server.poll() is None  # Also reaps it.
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
