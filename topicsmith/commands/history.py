"""``history``: the promotions to an environment."""

from typing import Annotated

import typer
from rich.text import Text

from topicsmith.commands.evaluation import number
from topicsmith.commands.models import place
from topicsmith.commands.options import AsJson, Environment
from topicsmith.core import environment, output
from topicsmith.core.aws import connect
from topicsmith.promotion import records
from topicsmith.serving import serving


def history(
    env: Environment = "dev",
    limit: Annotated[int, typer.Option(min=1, help="Number of promotions to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the promotions to an environment, newest first.

    Example:
      topicsmith history --env prod
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    found = records.latest(clients.s3, deployment.data_bucket, limit)
    endpoint = serving.endpoint(clients.sagemaker, deployment.endpoint)
    arn = endpoint.model_package if endpoint else None
    current = next((record for record in found if record.target.arn == arn), None)
    if as_json:
        output.print_json([{**record.document(), "served": record is current} for record in found])
        return
    console = output.results()
    if not found:
        console.print(f"Nothing has been promoted to {env} yet.")
        return
    columns = ("When", "From", "As", "Served", "NPMI", "Before", "Run", "Corpus", "By")
    table = output.table(*columns, right=["NPMI"], wrapped=["By"])
    for record in found:
        table.add_row(
            output.moment(record.time),
            f"{record.source.environment} {record.source.version}",
            "pinned" if record.target.version is None else str(record.target.version),
            endpoint.status if endpoint and record is current else "",
            number(record.metrics.npmi),
            str(record.before.version) if record.before else "",
            record.run or "",
            place(record.corpus),
            Text(record.by.partition("/")[2] or record.by, overflow="fold"),
        )
    console.print(table)
    if endpoint and endpoint.model_version and current is None:
        console.print(
            f"Endpoint {endpoint.name} serves version {endpoint.model_version}, which was not promoted to {env}.",
            soft_wrap=True,
        )
