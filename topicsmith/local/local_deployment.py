"""Deployment of the dev environment to the local cloud with the CDK CLI."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from topicsmith.core import checkout, local_cloud
from topicsmith.core.stopwatch import Stopwatch
from topicsmith.local import cdk

if TYPE_CHECKING:
    from localcloud.control import LocalCloud

ENVIRONMENT = "dev"


def create(
    stopwatch: Stopwatch,
    *,
    port: int | None = None,
    state_dir: Path | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> "LocalCloud":
    """Start the local cloud unless it is running, deploy dev to it, and make this process its client.

    Args:
        stopwatch: Stopwatch for the phases.
        port: Port of the cloud; default 4577.
        state_dir: Directory for the state of the cloud and the output of the CDK; default ``.topicsmith``.
        meanwhile: Function to call while the CDK deploys.

    Raises:
        OperatorError: The cloud did not start, or the CDK failed.
    """
    directory = (state_dir or checkout.state_dir()) / "cdk"
    with cdk.commands(ENVIRONMENT, directory) as cli:
        # Synthesis is the longest part and needs no cloud: it runs during the next two phases.
        synth = cli.synth()
        with stopwatch.phase("Start the local cloud"):
            cloud = local_cloud.start(port, state_dir)
        with stopwatch.phase("cdk bootstrap"):
            cli.bootstrap(cloud).finish()
        with stopwatch.phase("cdk deploy"):
            synth.finish()
            deploy = cli.deploy(cloud)
            meanwhile()
            deploy.finish()
    local_cloud.use(cloud)
    return cloud
