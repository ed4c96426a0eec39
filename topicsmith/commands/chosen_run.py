"""Lookup of the run that a command names."""

from topicsmith.core import environment
from topicsmith.core.aws import Clients
from topicsmith.core.environment import Deployment
from topicsmith.runs import runs
from topicsmith.runs.runs import Run


def find(clients: Clients, env: str, run_id: str) -> tuple[Deployment, Run]:
    """Return an environment and the run ``run_id`` of its pipeline.

    Raises:
        OperatorError: The environment or the run does not exist.
    """
    deployment = environment.load(clients, env)
    pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
    return deployment, runs.find(clients.sagemaker, deployment, pipeline, run_id)
