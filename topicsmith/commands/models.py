"""``models`` and ``approve``: from a registered model to a served one."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from topicsmith import environment, models, output, serving
from topicsmith.aws import Clients, connect
from topicsmith.commands.options import AsJson, Environment
from topicsmith.environment import Deployment
from topicsmith.models import ModelVersion
from topicsmith.serving import Endpoint


def list_models(
    env: Environment = "dev",
    limit: Annotated[int, typer.Option(min=1, help="How many versions to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest versions of the model: approval, which one is served, quality, and where it comes from.

    Example:
      python -m topicsmith models --env prod
    """
    clients = connect()
    deployment = environment.load(clients, env)
    found = models.latest(clients.sagemaker, deployment.model_package_group, limit)
    endpoint = serving.endpoint(clients.sagemaker, deployment.endpoint)
    if as_json:
        output.print_json([{**model.record(), "served": _is_served(model, endpoint)} for model in found])
        return
    console = output.results()
    if not found:
        step = deployment.command("run corpus.csv")
        console.print(f"{deployment.model_package_group} has no models yet. Train one: {step}", soft_wrap=True)
        return
    columns = ("Version", "Approval", "Served", "NPMI", "Unique", "Registered", "Run", "Corpus")
    table = output.table(*columns, right=["Version", "NPMI", "Unique"])
    for model in found:
        served = endpoint.status if endpoint and _is_served(model, endpoint) else ""
        table.add_row(
            str(model.version),
            model.approval,
            served,
            "" if model.npmi is None else f"{model.npmi:.3f}",
            "" if model.topic_uniqueness is None else f"{model.topic_uniqueness:.2f}",
            output.moment(model.created),
            model.run or "",
            _place(model.corpus),
        )
    console.print(table)


def approve(
    version: Annotated[int, typer.Argument(min=1, help="The version to approve; see the command models.")],
    env: Environment = "dev",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the endpoint serves it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a model: the environment's endpoint then comes to serve it.

    The first approval creates the endpoint, each later one updates it without
    downtime. On AWS that takes some minutes.

    Example:
      python -m topicsmith approve 3 --wait
    """
    clients = connect()
    deployment = environment.load(clients, env)
    model = models.find(clients.sagemaker, deployment, version)
    endpoint = approve_model(clients, deployment, model, wait=wait)
    if as_json:
        approved = models.describe(clients.sagemaker, model.arn)
        output.print_json({**approved.record(), "endpoint": endpoint.record() if endpoint else None})
    else:
        _tell(deployment, model, endpoint)


def approve_model(clients: Clients, deployment: Deployment, model: ModelVersion, *, wait: bool) -> Endpoint | None:
    """Approve ``model``; if asked to, wait until the endpoint serves it, with progress on stderr, and return that."""
    last_event = serving.last_stack_event(clients.cloudformation, deployment.serving_stack)
    models.approve(clients.sagemaker, model)
    if not wait or not deployment.follows_approvals:
        return None
    console = output.progress()
    with console.status("Waiting for the endpoint"):
        return serving.wait_until_served(
            clients, deployment, model, last_event, tell=lambda state: console.print(f"Waiting: {state}")
        )


def _tell(deployment: Deployment, model: ModelVersion, endpoint: Endpoint | None) -> None:
    console = output.results()
    env = deployment.environment
    if endpoint:
        console.print(f"Version {model.version} is approved, and endpoint {endpoint.name} serves it.")
        console.print("Ask it: " + deployment.command('infer "a text"'), soft_wrap=True)
        return
    console.print(f"Version {model.version} is approved.")
    if deployment.follows_approvals:
        console.print(
            f"Endpoint {deployment.endpoint} will serve it; see: {deployment.command('models')}", soft_wrap=True
        )
    else:
        console.print(
            f"What {env} serves is pinned: set serving.model_package in environments/{env}.yaml to\n{model.arn}\n"
            f"and deploy: make deploy ENV={env}",
            soft_wrap=True,
        )


def _place(uri: str | None) -> str:
    """Return where a corpus lies in its environment's bucket."""
    return urlsplit(uri).path.lstrip("/") if uri else ""


def _is_served(model: ModelVersion, endpoint: Endpoint | None) -> bool:
    return endpoint is not None and endpoint.model_package == model.arn
