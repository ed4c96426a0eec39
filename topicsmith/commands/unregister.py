"""``unregister``: deletion of an environment's registered models."""

from typing import Annotated

import typer

from topicsmith.commands.confirmation import confirm
from topicsmith.commands.options import Environment
from topicsmith.core import output
from topicsmith.core.aws import connect
from topicsmith.models import unregistering


def unregister(
    env: Environment = "dev",
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
) -> None:
    """Delete the registered models of an environment that is about to be destroyed.

    SageMaker does not delete a model package group that contains versions. make
    destroy runs this first. Models of an environment with data.removal: retain
    stay, since their group does.

    Example:
      topicsmith unregister --env dev
    """
    clients = connect(env)
    versions = unregistering.doomed(clients, env)
    if not versions:
        output.results().print(f"No registered model of {env} has to be deleted.")
        return
    noun = "model version" if len(versions) == 1 else "model versions"
    if not yes:
        confirm(f"Delete {len(versions)} registered {noun} of {env} in {clients.where}? They cannot be restored.")
    for arn in versions:
        unregistering.delete(clients.sagemaker, arn)
    output.results().print(f"Deleted {len(versions)} registered {noun} of {env}.")
