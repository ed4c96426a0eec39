"""The local cloud with the dev environment in it, deployed by the real CDK CLI."""

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
    """Start the local cloud, or take the one that runs, deploy dev to it, and make this process its client.

    Args:
        stopwatch: times the phases.
        port: where the cloud listens; default 4577.
        state_dir: where the cloud keeps its state, and CDK its output; default ``.topicsmith``.
        meanwhile: is called while CDK deploys.

    Raises:
        OperatorError: the cloud did not start, or CDK failed.
    """
    directory = (state_dir or checkout.state_dir()) / "cdk"
    with cdk.commands(ENVIRONMENT, directory) as cli:
        # Synthesis needs no cloud and is the longest part: it goes on during the two phases that follow.
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
