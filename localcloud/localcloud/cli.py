"""Command line of the local cloud."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud import control
from localcloud.core import settings
from localcloud.core.errors import LocalCloudError
from localcloud.version import __version__

_DESCRIPTION = """\
A local AWS cloud that runs SageMaker workloads: training, tuning, pipelines
and endpoints, on this machine, without an AWS account and without Docker.

  localcloud up                    start it in the background
  eval "$(localcloud env)"         make this shell its client
  cdk bootstrap && cdk deploy      or boto3, the SageMaker SDK, the AWS CLI
  localcloud down                  stop it and delete everything in it
"""

_EPILOG = """\
Each option has a variable: LOCALCLOUD_STATE, LOCALCLOUD_PORT,
LOCALCLOUD_ACCOUNT, LOCALCLOUD_REGION, LOCALCLOUD_NODE_MODULES,
LOCALCLOUD_IMAGES (JSON). LOCALCLOUD_MINUTE_SECONDS=2 makes each minute of
metrics, alarms and autoscaling last two seconds.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except LocalCloudError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "localcloud",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"localcloud {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state",
        type=Path,
        metavar="DIRECTORY",
        help="directory of logs, images and jobs (default: .localcloud in the current directory)",
    )

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[common], help=summary, description=f"{summary}.")

    up = add("up", "Start the local cloud in the background; one that already runs is left as it is")
    up.set_defaults(command=_up)
    up.add_argument("--foreground", action="store_true", help="run in this terminal until Ctrl-C, with the log on it")
    up.add_argument("--port", type=_port, help=f"port to listen on (default: {settings.DEFAULT_PORT})")
    up.add_argument("--account", metavar="NUMBER", help=f"main account (default: {settings.ACCOUNT_ID})")
    up.add_argument("--region", help=f"default region of clients (default: {settings.DEFAULT_REGION})")
    up.add_argument(
        "--image",
        type=_image,
        action="append",
        metavar="URI=DIRECTORY",
        help="directory, with the programs `train` or `serve`, that stands in for an image only AWS has; `*` in the "
        "URI is any text without a slash; may be given more than once",
    )
    up.add_argument(
        "--node-modules",
        type=Path,
        metavar="DIRECTORY",
        help="packages for Lambda functions in Node.js, such as the AWS SDK (default: those of the project that "
        "contains the state directory)",
    )
    add("down", "Stop the local cloud and delete everything in it").set_defaults(command=_down)
    add("status", "Show whether the local cloud runs; exit code 1 if it does not").set_defaults(command=_status)
    env = add("env", "Print shell commands that make AWS clients use the local cloud")
    env.epilog = 'Use it as: eval "$(localcloud env)"'
    env.set_defaults(command=_env)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    state_dir: Path = arguments.state or settings.state_dir()
    images = {**settings.stand_ins(), **dict(arguments.image)} if arguments.image else None
    if arguments.foreground:
        if cloud := control.running(state_dir):
            raise LocalCloudError(f"A local cloud already runs at {cloud.endpoint_url} with this state directory.")
        command, environ = control.prepare(
            port=arguments.port,
            state_dir=state_dir,
            account_id=arguments.account,
            region=arguments.region,
            images=images,
            node_modules=arguments.node_modules,
        )
        os.execve(command[0], command, environ)
    cloud = control.up(
        port=arguments.port,
        state_dir=state_dir,
        account_id=arguments.account,
        region=arguments.region,
        images=images,
        node_modules=arguments.node_modules,
    )
    option = f" --state {shlex.quote(str(arguments.state))}" if arguments.state else ""
    print(f"The local cloud runs at {cloud.endpoint_url}; its log: {cloud.log_file}")
    print(f'Make this shell its client:  eval "$(localcloud env{option})"')
    return 0


def _down(arguments: argparse.Namespace) -> int:
    print("The local cloud is stopped." if control.down(arguments.state) else "The local cloud was not running.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    cloud = control.running(arguments.state)
    if cloud is None:
        print("The local cloud is not running. Start it: localcloud up")
        return 1
    print(f"The local cloud runs at {cloud.endpoint_url} (pid {cloud.pid}).")
    print(f"Accounts: {', '.join(cloud.accounts)}; region: {cloud.region}")
    print(f"Log: {cloud.log_file}")
    return 0


def _env(arguments: argparse.Namespace) -> int:
    cloud = control.running(arguments.state)
    if cloud is None:
        # `eval` ignores the exit code of the command substitution: the printed line has to fail.
        print("echo 'The local cloud is not running. Start it: localcloud up' >&2; false")
        return 1
    # The keys of a user's own shell would take precedence over the profile.
    print("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE")
    for name, value in cloud.environ().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; allowed: 1 to 65535")
    return port


def _image(text: str) -> tuple[str, str]:
    uri, separator, directory = text.partition("=")
    if not separator or not uri:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form URI=DIRECTORY")
    if not Path(directory).is_dir():
        raise argparse.ArgumentTypeError(f"the directory {directory!r} does not exist")
    return uri, directory
