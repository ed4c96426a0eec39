"""``local``: the local cloud."""

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topicsmith.commands.options import AsJson
from topicsmith.core import checkout, environment, local_cloud, output
from topicsmith.core.aws import Clients
from topicsmith.core.errors import OperatorError
from topicsmith.core.invocation import command
from topicsmith.core.stopwatch import Stopwatch
from topicsmith.local import local_accounts, local_deployment
from topicsmith.serving import serving

if TYPE_CHECKING:
    from localcloud.control import LocalCloud

_NOT_RUNNING = 1
_MESSAGES_SHOWN = 3


def up(
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Deploy the dev environment to it with the CDK CLI.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(envvar="LOCALCLOUD_PORT", min=1, max=65535, help="The port to listen on.", show_default="4577"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the local cloud in the background, unless it is already running.

    Serves the AWS API at http://localhost:4577. All data in it is deleted when
    it stops.

    Example:
      topicsmith local up --deploy
    """
    stopwatch = Stopwatch(output.progress())
    if deploy:
        cloud = local_deployment.create(stopwatch, port=port, meanwhile=_write_demo_corpus)
    else:
        with stopwatch.phase("Start the local cloud"):
            cloud = local_cloud.start(port, None)
    if as_json:
        output.print_json(_record(cloud))
        return
    console = output.results()
    console.print(f"The local cloud is running at {cloud.endpoint_url}; log: {cloud.log_file}", soft_wrap=True)
    if deploy:
        _print_next_steps()
    elif not _is_deployed(cloud):
        console.print(f"Deploy dev to it:  {command('local up --deploy')}", soft_wrap=True)


def down(as_json: AsJson = False) -> None:
    """Stop the local cloud, with all jobs and endpoints, and delete its data.

    Example:
      topicsmith local down
    """
    stopped = local_cloud.stop()
    if as_json:
        output.print_json({"stopped": stopped})
    else:
        output.results().print("The local cloud has stopped." if stopped else "The local cloud was not running.")


def status(as_json: AsJson = False) -> None:
    """Show whether the local cloud is running and what is deployed to it.

    Also shows the last messages to its SNS topics, since it sends no e-mail.
    The exit code is 1 if the local cloud is not running.

    Example:
      topicsmith local status --json
    """
    cloud = local_cloud.running()
    if cloud is None:
        if as_json:
            output.print_json({"running": False})
        else:
            output.results().print(f"The local cloud is not running. Start it: {command('local up --deploy')}")
        raise typer.Exit(_NOT_RUNNING)
    local_cloud.use(cloud)
    endpoints = _endpoints()
    messages = _last_messages(cloud)
    if as_json:
        output.print_json({"running": True, **_record(cloud), "environments": endpoints, "notifications": messages})
        return
    console = output.results()
    console.print(f"The local cloud is running at {cloud.endpoint_url} (pid {cloud.pid}).")
    console.print(f"Log: {cloud.log_file}", soft_wrap=True)
    for number in cloud.accounts[1:]:
        console.print(f"Account {number}: use it with AWS_PROFILE={number}")
    for name, state in endpoints.items():
        console.print(f"Environment {name}: {f'endpoint {state}' if state else 'no model served yet'}")
    for message in messages:
        console.print(f"Notification, {message['time']}: {message['subject']}", soft_wrap=True)
    if not endpoints:
        console.print(f"Nothing is deployed to it. Deploy dev: {command('local up --deploy')}", soft_wrap=True)


def _account_number(value: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", value):
        raise typer.BadParameter(f"{value!r} is not an account number of twelve digits, such as 222222222222")
    return value


def account(
    account_id: Annotated[
        str, typer.Argument(metavar="ACCOUNT", callback=_account_number, help="The account number, twelve digits.")
    ],
    as_json: AsJson = False,
) -> None:
    """Create another account in the local cloud, unless it already exists.

    The account number is also the name of the profile of its administrator.

    Example:
      topicsmith local account 222222222222
      eval "$(topicsmith local env)"
      AWS_PROFILE=222222222222 aws sts get-caller-identity
    """
    cloud = local_cloud.require()
    created = local_accounts.create(cloud, account_id)
    if as_json:
        output.print_json({"account": account_id, "profile": account_id, "created": created})
        return
    console = output.results()
    console.print(
        f"Account {account_id} {'was created' if created else 'already exists'}. Its profile is {account_id}."
    )
    console.print(f'Deploy to it: eval "$({command("local env")})" && export AWS_PROFILE={account_id}', soft_wrap=True)
    console.print(f"Then: node_modules/.bin/cdk bootstrap aws://{account_id}/{cloud.region}", soft_wrap=True)


def env(as_json: AsJson = False) -> None:
    """Print environment variables that point boto3, the AWS CLI and the CDK CLI to the local cloud.

    They contain the credentials of the main account's administrator. To use
    another account, set AWS_PROFILE to its number.

    Example:
      eval "$(topicsmith local env)"
    """
    try:
        variables = local_cloud.variables(local_cloud.require())
    except OperatorError:
        if not as_json:
            # Evaluated by a shell, it fails: without these variables, commands would go to AWS.
            sys.stdout.write("false\n")
        raise
    if as_json:
        output.print_json(variables)
        return
    # These would send a client elsewhere, or make it sign with credentials of somewhere else.
    lines = ["unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _record(cloud: "LocalCloud") -> dict[str, object]:
    return {
        "endpoint_url": cloud.endpoint_url,
        "pid": cloud.pid,
        "state_dir": str(cloud.state_dir),
        "accounts": cloud.accounts,
        "log": str(cloud.log_file),
    }


def _is_deployed(cloud: "LocalCloud") -> bool:
    """Return whether the dev environment is deployed to the local cloud."""
    local_cloud.use(cloud)
    return local_deployment.ENVIRONMENT in environment.deployed(Clients().cloudformation)


def _endpoints() -> dict[str, str | None]:
    """Return the status of the endpoint of each deployed environment."""
    clients = Clients()
    found = {name: environment.load(clients, name) for name in environment.deployed(clients.cloudformation)}
    endpoints = {name: serving.endpoint(clients.sagemaker, there.endpoint) for name, there in found.items()}
    return {name: endpoint.status if endpoint else None for name, endpoint in endpoints.items()}


def _last_messages(cloud: "LocalCloud") -> list[dict[str, str]]:
    """Return the last messages to SNS topics."""
    if not cloud.messages_file.exists():
        return []
    return [json.loads(line) for line in cloud.messages_file.read_text("utf-8").splitlines()[-_MESSAGES_SHOWN:]]


def _demo_file() -> Path:
    return checkout.state_dir() / "demo.csv"


def _write_demo_corpus() -> None:
    from topicsmith.corpora.demo_corpus import write_demo_corpus

    write_demo_corpus(_demo_file())


def _print_next_steps() -> None:
    console = output.results()
    console.print("\nThe dev environment is deployed to it. Next steps:")
    steps = (
        (f"run {_shown(_demo_file())}", "train a model, on this corpus or your own"),
        ("approve 1 --wait", "serve the model"),
        ("topics", "show its topics"),
        ("report RUN", "show its quality"),
        ('infer "a text"', "query it"),
        ("local down", "stop the local cloud"),
    )
    width = max(len(command(arguments)) for arguments, _ in steps)
    for arguments, meaning in steps:
        console.print(f"  {command(arguments):<{width}}   {meaning}", soft_wrap=True)
    console.print('Any AWS client: eval "$(' + command("local env") + ')"', soft_wrap=True)
    if sys.prefix != sys.base_prefix and os.environ.get("VIRTUAL_ENV") != sys.prefix:
        activate = Path(sys.prefix, "bin", "activate")
        console.print(f"If your shell does not find topicsmith: source {_shown(activate)}", soft_wrap=True)


def _shown(path: Path) -> Path:
    """Return a path for messages, relative to the current directory if it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
