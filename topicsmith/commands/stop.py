"""``stop``: stopping a run."""

import time
from typing import Annotated

import typer

from topicsmith.commands import chosen_run
from topicsmith.commands.options import AsJson, Environment, RunId
from topicsmith.core import output
from topicsmith.core.aws import connect
from topicsmith.runs import runs


def stop(
    run_id: RunId,
    env: Environment = "dev",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all of its jobs have stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a run and the jobs that it started.

    Has no effect on a run that has already finished.

    Example:
      topicsmith stop 7qk2v0xw9h3d --wait
    """
    clients = connect(env)
    _, run = chosen_run.find(clients, env, run_id)
    was_over = run.is_over
    if not was_over:
        runs.stop(clients.sagemaker, run)
        run = runs.get(clients.sagemaker, run.arn)
    with output.progress().status("Waiting for its jobs to stop"):
        while wait and not run.is_over:
            time.sleep(clients.poll_seconds)
            run = runs.get(clients.sagemaker, run.arn)
    if as_json:
        output.print_json(run.record())
    else:
        output.results().print(f"Run {run.id} {'has already finished' if was_over else 'is stopping'}: {run.status}.")
