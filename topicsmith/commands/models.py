"""``models``, ``approve`` and ``rollback``: registered models and the served one."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from topicsmith.commands.options import AsJson, Environment
from topicsmith.core import environment, output
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.models import models
from topicsmith.models.models import ModelVersion
from topicsmith.serving import rollout, serving
from topicsmith.serving.serving import Endpoint


def list_models(
    env: Environment = "dev",
    limit: Annotated[int, typer.Option(min=1, help="Number of versions to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest model versions with approval, quality and origin, and mark the served one.

    Example:
      topicsmith models --env prod
    """
    clients = connect(env)
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
            place(model.corpus),
        )
    console.print(table)


def approve(
    version: Annotated[
        int, typer.Argument(metavar="VERSION", min=1, help="The version to approve; `topicsmith models` lists them.")
    ],
    env: Environment = "dev",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the endpoint serves the model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a model version, which deploys it to the environment's endpoint.

    The first approval creates the endpoint; each later one updates it without
    downtime. On AWS this takes several minutes.

    Example:
      topicsmith approve 3 --wait
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    model = models.find(clients.sagemaker, deployment, version)
    endpoint = approve_model(clients, deployment, model, wait=wait)
    if as_json:
        approved = models.describe(clients.sagemaker, model.arn)
        output.print_json({**approved.record(), "endpoint": endpoint.record() if endpoint else None})
    else:
        _tell(deployment, model, endpoint)


def rollback(
    to: Annotated[
        int | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            min=1,
            help="The version to roll back to.",
            show_default="the previously served version",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="The reason, stored with the rejected version.")] = "",
    env: Environment = "dev",
    as_json: AsJson = False,
) -> None:
    """Roll back to the previously served approved model, and reject the current one.

    The current model answers requests until the endpoint serves the earlier
    one, and is then rejected.

    Example:
      topicsmith rollback --reason "topics of complaints are mixed up"
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    bad = _served_by(clients, deployment)
    rollout.require_idle(clients, deployment)
    target = (
        models.find(clients.sagemaker, deployment, to) if to else rollout.previous(clients, deployment, bad.version)
    )
    _require_goal(deployment, target, bad)
    output.progress().print(f"Rolling back from version {bad.version} to version {target.version}.")
    endpoint = approve_model(clients, deployment, target, wait=True)
    models.reject(clients.sagemaker, bad, " ".join([f"Rolled back to version {target.version}.", reason]).strip())
    if as_json:
        record = endpoint.record() if endpoint else None
        output.print_json({"from": bad.version, "to": target.version, "endpoint": record})
        return
    console = output.results()
    console.print(f"Endpoint {deployment.endpoint} serves version {target.version} again.")
    console.print(f"Version {bad.version} is rejected and will not be served again.")


def approve_model(clients: Clients, deployment: Deployment, model: ModelVersion, *, wait: bool) -> Endpoint | None:
    """Approve ``model``; with ``wait``, return the endpoint once it serves it. Progress goes to stderr."""
    console = output.progress()
    if not wait or not deployment.follows_approvals:
        models.approve(clients.sagemaker, model)
        return None
    way = rollout.Rollout(
        clients, deployment, model, tell=lambda state: console.print(f"Waiting: {state}", soft_wrap=True)
    )
    models.approve(clients.sagemaker, model)
    with console.status("Waiting for the endpoint"):
        return way.wait()


def _served_by(clients: Clients, deployment: Deployment) -> ModelVersion:
    """Return the approved model that is served.

    Raises:
        OperatorError: No model is served, or the environment pins it.
    """
    env = deployment.environment
    if not deployment.follows_approvals:
        raise OperatorError(
            f"{env} pins the model that it serves, so there is no approval to roll back.",
            f"Set serving.model_package in environments/{env}.yaml back, and deploy: make deploy ENV={env}",
        )
    endpoint = serving.require(clients, deployment)
    if endpoint.model_package is None:
        raise OperatorError(f"Endpoint {endpoint.name} serves no model of {deployment.model_package_group}.")
    return models.describe(clients.sagemaker, endpoint.model_package)


def _require_goal(deployment: Deployment, target: ModelVersion, served: ModelVersion) -> None:
    if target.version == served.version:
        raise OperatorError(
            f"Version {target.version} is already served.", f"List the versions: {deployment.command('models')}"
        )
    if target.approval != "Approved":
        raise OperatorError(
            f"Version {target.version} is {target.approval}. A rollback needs an approved version.",
            f"To serve it anyway: {deployment.command(f'approve {target.version} --wait')}",
        )


def _tell(deployment: Deployment, model: ModelVersion, endpoint: Endpoint | None) -> None:
    console = output.results()
    env = deployment.environment
    if endpoint:
        console.print(f"Version {model.version} is approved, and endpoint {endpoint.name} serves it.")
        console.print("Query it: " + deployment.command('infer "a text"'), soft_wrap=True)
        return
    console.print(f"Version {model.version} is approved.")
    if deployment.follows_approvals:
        console.print(
            f"Endpoint {deployment.endpoint} will serve it. Check with: {deployment.command('models')}", soft_wrap=True
        )
    else:
        console.print(
            f"{env} pins the model that it serves: set serving.model_package in environments/{env}.yaml to\n"
            f"{model.arn}\nand deploy: make deploy ENV={env}",
            soft_wrap=True,
        )


def place(uri: str | None) -> str:
    """Return the key of a corpus in its environment's bucket."""
    return urlsplit(uri).path.lstrip("/") if uri else ""


def _is_served(model: ModelVersion, endpoint: Endpoint | None) -> bool:
    return endpoint is not None and endpoint.model_package == model.arn
