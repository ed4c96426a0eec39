"""``infer``: which topics a text has."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from topicsmith import environment, inference, models, output, serving, topics
from topicsmith.aws import Clients, connect
from topicsmith.commands.options import AsJson, Environment
from topicsmith.environment import Deployment
from topicsmith.errors import OperatorError, explain, is_missing
from topicsmith.topics import TopicModel

_TOPICS_SHOWN = 3
_WORDS_SHOWN = 6
_BAR_WIDTH = 20


def infer(
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Texts; - reads one a line from stdin.")],
    env: Environment = "dev",
    as_json: AsJson = False,
) -> None:
    """Ask the endpoint which topics a text has.

    Words that the model does not know are ignored.

    Example:
      python -m topicsmith infer "Encrypts a disk" "Starts a virtual machine"
      cat sentences.txt | python -m topicsmith infer - --json
    """
    documents = _documents(texts)
    clients = connect()
    deployment = environment.load(clients, env)
    mixtures = ask(clients, deployment, documents)
    model = _topics_of_endpoint(clients, deployment)
    if as_json:
        output.print_json(
            {
                "endpoint": deployment.endpoint,
                "predictions": [
                    {
                        "text": text,
                        "topic_weights": weights,
                        "topics": [_record(t, weights, model) for t in _order(weights)],
                    }
                    for text, weights in zip(documents, mixtures, strict=True)
                ],
            }
        )
    else:
        print_mixtures(documents, mixtures, model)


def ask(clients: Clients, deployment: Deployment, texts: Sequence[str]) -> list[list[float]]:
    """Return each text's topic weights.

    Raises:
        OperatorError: nothing is served, or a text was refused.
    """
    from botocore.exceptions import ClientError

    try:
        return inference.topic_weights(clients.runtime, deployment.endpoint, texts)
    except ClientError as error:
        if not is_missing(error):
            raise
        serving.require(clients, deployment)
        raise


def print_mixtures(texts: Sequence[str], mixtures: Sequence[Sequence[float]], model: TopicModel | None) -> None:
    """Print each text and its top topics to stdout, with a bar and the topic's words where they are known."""
    console = output.results()
    for text, weights in zip(texts, mixtures, strict=True):
        console.print(Text(output.shorten(text, console.width), style="bold"))
        for topic in _order(weights)[:_TOPICS_SHOWN]:
            bar = "█" * round(weights[topic] * _BAR_WIDTH)
            words = " ".join(_words(topic, model)[:_WORDS_SHOWN])
            console.print(
                Text.assemble(
                    f"  {weights[topic]:>4.0%} ", (f"{bar:<{_BAR_WIDTH}}", "cyan"), f"  topic {topic:<3} {words}"
                )
            )


def _documents(texts: Sequence[str]) -> list[str]:
    documents: list[str] = []
    for text in texts:
        documents += [line.strip() for line in sys.stdin] if text == "-" else [text.strip()]
    # An argument that is not UTF-8 holds what no request can encode.
    documents = [document.encode(errors="replace").decode() for document in documents if document]
    if not documents:
        raise typer.BadParameter("there is no text", param_hint="TEXT...")
    return documents


def _topics_of_endpoint(clients: Clients, deployment: Deployment) -> TopicModel | None:
    """Return the topics of the model that is served; None, with a word on stderr, where they cannot be read."""
    from botocore.exceptions import ClientError

    try:
        endpoint = serving.endpoint(clients.sagemaker, deployment.endpoint)
        if endpoint is None or endpoint.model_package is None:
            return None
        return topics.read(clients.s3, models.describe(clients.sagemaker, endpoint.model_package).data_uri)
    except (ClientError, OperatorError) as error:
        # Who may only invoke gets numbers all the same.
        meaning = explain(error)
        output.progress().print(f"The topics' words are not shown. {meaning.message if meaning else error}")
        return None


def _order(weights: Sequence[float]) -> list[int]:
    return sorted(range(len(weights)), key=lambda topic: -weights[topic])


def _words(topic: int, model: TopicModel | None) -> list[str]:
    found = next((t for t in model.topics if t.topic == topic), None) if model else None
    return found.top(10) if found else []


def _record(topic: int, weights: Sequence[float], model: TopicModel | None) -> dict[str, object]:
    return {"topic": topic, "weight": weights[topic], "words": _words(topic, model)}
