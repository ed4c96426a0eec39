"""``topics``: the topics of a model."""

from typing import Annotated

import typer
from rich.text import Text

from topicsmith.commands.options import AsJson, Environment
from topicsmith.core import environment, output
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError
from topicsmith.models import models
from topicsmith.models.topics import TopicModel, read
from topicsmith.runs import runs
from topicsmith.serving import serving

TOP_WORDS = 10
_COLUMNS = ("Topic", "Share", "NPMI", "Unique", "Words")


def show_topics(
    version: Annotated[int | None, typer.Option(min=1, help="A registered model version.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The run that trained the model.")] = None,
    env: Environment = "dev",
    as_json: AsJson = False,
) -> None:
    """Show the topics of a model: ten words each, coherence, and share of the corpus.

    The default is the served model or, if none is served, the newest version.

    NPMI is the mean pairwise normalised pointwise mutual information of the ten
    words over the training documents, from -1 to 1; it is well above 0 for
    coherent topics. Unique is 1 if no other topic shares the words.

    Example:
      topicsmith topics --version 3
    """
    if version is not None and run_id is not None:
        raise typer.BadParameter("specify either a version or a run, not both", param_hint="--version / --run")
    clients = connect(env)
    deployment = environment.load(clients, env)
    title, uri = _model(clients, deployment, version, run_id)
    found = read(clients.s3, uri)
    if as_json:
        output.print_json({"model": title, "model_data": uri, **found.model_dump(mode="json")})
    else:
        output.results().print(Text(title, style="bold"))
        print_topics(found)


def print_topics(model: TopicModel) -> None:
    """Print a table of topics to stdout, largest share first, and the means."""
    console = output.results()
    table = output.table(*_COLUMNS, right=_COLUMNS[:-1], wrapped=_COLUMNS[-1:])
    for topic in model.topics:
        table.add_row(
            str(topic.topic),
            f"{topic.share:.1%}",
            f"{topic.npmi:.3f}",
            f"{topic.topic_uniqueness:.2f}",
            " ".join(topic.top(TOP_WORDS)),
        )
    console.print(table)
    console.print(
        f"{model.num_topics} topics, mean NPMI {model.npmi:.3f}, mean uniqueness {model.topic_uniqueness:.2f}"
    )


def _model(clients: Clients, deployment: Deployment, version: int | None, run_id: str | None) -> tuple[str, str]:
    """Return the title of the model and the URI of its model.tar.gz."""
    if run_id is not None:
        return f"Model of run {runs.id_of(run_id)}", _trained_by(clients, deployment, run_id)
    if version is not None:
        model = models.find(clients.sagemaker, deployment, version)
        return f"Model version {model.version} of {deployment.environment} ({model.approval})", model.data_uri
    endpoint = serving.endpoint(clients.sagemaker, deployment.endpoint)
    if endpoint and endpoint.model_package:
        served = models.describe(clients.sagemaker, endpoint.model_package)
        return f"Model version {served.version}, served by {endpoint.name}", served.data_uri
    newest = models.newest(clients.sagemaker, deployment)
    return f"Model version {newest.version} of {deployment.environment} ({newest.approval})", newest.data_uri


def _trained_by(clients: Clients, deployment: Deployment, run_id: str) -> str:
    pipeline = runs.pipeline(clients.sagemaker, deployment.pipeline)
    run = runs.find(clients.sagemaker, deployment, pipeline, run_id)
    job = next((s.training_job for s in reversed(run.steps) if s.training_job and s.status == "Succeeded"), None)
    if job is None:
        raise OperatorError(
            f"Run {run.id} ({run.status}) has not trained a model.",
            f"Details: {deployment.command(f'runs {run.id}')}",
        )
    return clients.sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
