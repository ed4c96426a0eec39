"""``infer``: the topics of texts."""

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text as StyledText

from topicsmith.commands.options import AsJson, Environment, check_columns
from topicsmith.core import environment, output
from topicsmith.core.aws import Clients, connect
from topicsmith.core.environment import Deployment
from topicsmith.core.errors import OperatorError, is_denied, is_missing
from topicsmith.corpora import corpus, texts
from topicsmith.corpora.texts import Text
from topicsmith.serving import inference, serving
from topicsmith.serving.inference import Prediction, Target

_TOPICS_SHOWN = 3
_TOPICS_IN_JSON = 10
_WORDS_SHOWN = 6
_BAR_WIDTH = 20


def infer(
    given: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts; - reads them from stdin, one per line.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A .txt file with one text per line, or a .csv or .jsonl file; .gz is supported.",
        ),
    ] = None,
    text: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS", help="Columns of the .csv or .jsonl file with the text.", callback=check_columns
        ),
    ] = "text",
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="Column with the id of a text.", show_default="row number"),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The production variant to query.", show_default="chosen by the weights"),
    ] = None,
    env: Environment = "dev",
    lines: Annotated[bool, typer.Option("--jsonl", help="Print ids and topic weights as JSON Lines.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.jsonl", help="Write ids and topic weights to a file, as JSON Lines."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Query the endpoint for the topics of texts.

    Words outside the model's vocabulary are ignored. Texts are sent in parallel
    batches, and throttled requests are retried. Each line of --jsonl and --out
    is {"id": ..., "topic_weights": [...]}.

    Examples:
      topicsmith infer "Encrypts a disk" "Starts a virtual machine"
      cat sentences.txt | topicsmith infer - --jsonl
      topicsmith infer --file reviews.csv --text title,body --out topics.jsonl
    """
    wanted = _texts(given or [], file, text, id_column)
    if sum((lines, as_json, out is not None)) > 1:
        raise typer.BadParameter("--json, --jsonl and --out are mutually exclusive", param_hint="--json")
    clients = connect(env)
    deployment, name = _deployment(clients, env)
    if lines or out:
        with _destination(out) as destination:
            count = _write_lines(clients, deployment, Target(name, variant), wanted, destination)
        if out:
            output.results().print(f"Wrote the topic weights of {count:,} texts to {out}", soft_wrap=True)
        return
    target = Target(name, variant, topics=_TOPICS_IN_JSON if as_json else _TOPICS_SHOWN)
    shown = list(wanted)
    answers = list(_predictions(clients, deployment, target, (one.text for one in shown)))
    if as_json:
        records = [
            {"id": one.id, "text": one.text, **answer.model_dump(mode="json")}
            for one, answer in zip(shown, answers, strict=True)
        ]
        output.print_json({"endpoint": name, "predictions": records})
    else:
        print_predictions([one.text for one in shown], answers)


def ask(clients: Clients, deployment: Deployment, asked: Sequence[str]) -> list[Prediction]:
    """Return the endpoint's prediction for each text.

    Raises:
        OperatorError: Nothing is served, or a text was rejected.
    """
    return list(_predictions(clients, deployment, Target(deployment.endpoint, topics=_TOPICS_SHOWN), asked))


def print_predictions(shown: Sequence[str], answers: Sequence[Prediction]) -> None:
    """Print each text and its heaviest topics to stdout, with bars and top words."""
    console = output.results()
    for text, answer in zip(shown, answers, strict=True):
        console.print(StyledText(output.shorten(text, console.width), style="bold"))
        weights = answer.topic_weights
        words = {topic.topic: " ".join(topic.words[:_WORDS_SHOWN]) for topic in answer.topics}
        for topic in sorted(range(len(weights)), key=lambda topic: -weights[topic])[:_TOPICS_SHOWN]:
            bar = "█" * round(weights[topic] * _BAR_WIDTH)
            console.print(
                StyledText.assemble(
                    f"  {weights[topic]:>4.0%} ",
                    (f"{bar:<{_BAR_WIDTH}}", "cyan"),
                    f"  topic {topic:<3} {words.get(topic, '')}",
                )
            )


def _texts(given: Sequence[str], file: Path | None, columns: str, id_column: str | None) -> Iterator[Text]:
    """Return the texts to classify, at least one."""
    if file and given:
        raise typer.BadParameter("specify either texts or --file, not both", param_hint="TEXT...")
    found = (
        texts.read(file, corpus.column_names(columns), id_column)
        if file
        else texts.numbered(itertools.chain.from_iterable(sys.stdin if one == "-" else [one] for one in given))
    )
    first = next(found, None)
    if first is not None:
        return itertools.chain([first], found)
    if file:
        raise OperatorError(f"{file} contains no text.")
    raise typer.BadParameter("no text was given", param_hint="TEXT...")


def _deployment(clients: Clients, env: str) -> tuple[Deployment | None, str]:
    """Return the deployment, or None if the caller may not read it, and the endpoint's name."""
    from botocore.exceptions import ClientError

    try:
        deployment = environment.load(clients, env)
    except ClientError as error:
        # Permission to invoke the endpoint is enough.
        if not is_denied(error):
            raise
        return None, environment.endpoint_name(env)
    return deployment, deployment.endpoint


def _predictions(
    clients: Clients, deployment: Deployment | None, target: Target, asked: Iterable[str]
) -> Iterator[Prediction]:
    """Yield the prediction for each text; if stderr is a terminal, show their number there."""
    from botocore.exceptions import ClientError

    console = output.progress()
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} texts"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=None)
            for prediction in inference.predictions(clients.runtime, target, asked):
                yield prediction
                progress.advance(task)
    except ClientError as error:
        if deployment is None or not is_missing(error):
            raise
        endpoint = serving.require(clients, deployment)
        if target.variant and target.variant not in endpoint.variants:
            raise OperatorError(
                f"Endpoint {endpoint.name} has no variant {target.variant}. "
                f"Its variants: {', '.join(endpoint.variants)}."
            ) from error
        raise


@contextmanager
def _destination(out: Path | None) -> Iterator[IO[str]]:
    """Yield the output stream: stdout, or a file that is written completely or not at all."""
    if out is None:
        yield sys.stdout
        return
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise OperatorError(f"{out} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_lines(
    clients: Clients, deployment: Deployment | None, target: Target, wanted: Iterable[Text], destination: IO[str]
) -> int:
    """Write a line for each prediction as it arrives, and return their number."""
    named, asked = itertools.tee(wanted)
    count = 0
    answers = _predictions(clients, deployment, target, (one.text for one in asked))
    for one, answer in zip(named, answers, strict=True):
        row = {"id": one.id, "topic_weights": answer.topic_weights}
        destination.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count
