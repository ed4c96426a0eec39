"""``check``: a test of a deployed environment."""

from typing import Annotated

import typer

from topicsmith.commands.options import AsJson, Environment
from topicsmith.core import environment, output
from topicsmith.core.aws import connect
from topicsmith.serving import serving
from topicsmith.serving.endpoint_check import ask_each_variant


def check(
    env: Environment = "dev",
    served: Annotated[bool, typer.Option("--served", help="Fail if no model is served yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that an environment is fully deployed and that its endpoint answers.

    Sends sample texts to each production variant. Before the first model is
    approved, there is no endpoint to test.

    Examples:
      topicsmith check --env prod
      make check ENV=prod
    """
    clients = connect(env)
    deployment = environment.load(clients, env)
    # An environment that pins a model serves it from the first deployment on.
    if deployment.follows_approvals and not served and serving.endpoint(clients.sagemaker, deployment.endpoint) is None:
        if as_json:
            output.print_json({"environment": env, "endpoint": None, "model_version": None, "variants": []})
        else:
            output.results().print(f"{env} is deployed. No model is served yet.", soft_wrap=True)
        return
    endpoint = serving.require(clients, deployment)
    answers = ask_each_variant(clients, endpoint)
    if as_json:
        record = {"environment": env, "endpoint": endpoint.name, "model_version": endpoint.model_version}
        output.print_json({**record, "variants": [answer.record() for answer in answers]})
        return
    console = output.results()
    console.print(
        f"{env} is deployed. Endpoint {endpoint.name} serves version {endpoint.model_version}:", soft_wrap=True
    )
    for answer in answers:
        console.print(
            f"  ✓ {answer.variant} answers in {answer.milliseconds} ms, {answer.topics} topics", soft_wrap=True
        )
