"""The ``ntm topics`` and ``ntm transform`` commands."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from ntm.artifacts.artifacts import TOPICS, read_model, unusable
from ntm.commands.console import console_of
from ntm.common.errors import InputError
from ntm.data.documents import CONTENT_TYPES_HELP, STDIN, Documents
from ntm.data.text import VOCABULARY
from ntm.network.inference import Array

# Words that label a topic in a line of output.
_FEW_WORDS = 5

ModelDirectory = Annotated[
    Path,
    typer.Argument(metavar="MODEL", exists=True, file_okay=False, help="Model directory, as written by ntm train."),
]


def show_topics(
    model: ModelDirectory,
    words: Annotated[int, typer.Option(min=1, max=20, metavar="N", help="Words per topic, at most 20.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the topics of a model: words, coherence, and share of the corpus.

    NPMI is the mean pairwise normalised pointwise mutual information of a
    topic's top ten words in the training documents, from -1 to 1; topics that
    people find coherent score well above 0. WETC is the mean pairwise cosine
    of these words' vectors, if the model was trained with --word-vectors.
    Unique is 1 if no other topic has any of the topic's top words.

    Example:
      ntm topics model/ --words 5
    """
    document = _read_topics(model)
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    wetc = ("WETC",) if "wetc" in document else ()
    for column in ("Topic", "Share", "NPMI", *wetc, "Unique"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Words", overflow="fold")
    for topic in document["topics"]:
        table.add_row(
            str(topic["topic"]),
            f"{topic['share']:.1%}",
            f"{topic['npmi']:.3f}",
            *("-" if topic["wetc"] is None else f"{topic['wetc']:.3f}" for _ in wetc),
            f"{topic['topic_uniqueness']:.2f}",
            Text(" ".join(word for word, _ in topic["words"][:words])),
        )
    console = console_of(sys.stdout)
    console.print(table)
    console.print(
        f"{document['num_topics']} topics, mean NPMI {document['npmi']:.3f}, "
        f"mean uniqueness {document['topic_uniqueness']:.2f}"
    )
    if not (model / VOCABULARY).is_file():
        console_of(sys.stderr).print(
            "This model has no vocabulary: the numbers under Words are word ids. To store the words with a model, pass "
            "--vocab to ntm train or feature_names to NeuralTopicModel.save().",
            soft_wrap=True,
        )


def transform(
    model: ModelDirectory,
    documents: Annotated[
        Path,
        typer.Argument(
            metavar="DOCUMENTS",
            help="A .txt, .csv or .pbr file, or a folder of such files; - reads text from stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Output file; the default is stdout."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Print each document's N heaviest topics and their words instead."),
    ] = None,
    content_type: Annotated[str | None, typer.Option(metavar="TYPE", help=CONTENT_TYPES_HELP)] = None,
) -> None:
    """Print each document's topics.

    Writes JSON Lines, one line per document, with the weights in the order of
    ntm topics: {"topic_weights": [0.81, 0.02, ...]}. --top prints text for
    people instead.

    Example:
      ntm transform model/ new.txt --top 3
    """
    found, reader = read_model(model)
    words = [" ".join(word for word, _ in topic["words"][:_FEW_WORDS]) for topic in _read_topics(model)["topics"]]
    number = 0
    with _output(out) as stream:
        for bag in Documents(documents, content_type).bags(found.feature_dim, reader):
            theta = found.topic_weights(bag)
            lines = _json_lines(theta) if top is None else _best_topics(theta, top, words, number)
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
            number += len(bag)


def _json_lines(theta: Array) -> Iterator[str]:
    for row in theta.astype(float).round(7).tolist():
        yield json.dumps({"topic_weights": row})


def _best_topics(theta: Array, top: int, words: list[str], number: int) -> Iterator[str]:
    best = np.argsort(-theta, axis=1, kind="stable")[:, :top]
    for number, (chosen, weights) in enumerate(zip(best, theta, strict=True), start=number + 1):  # noqa: B020
        yield f"{number}: " + ", ".join(f"{weights[topic]:.0%} topic {topic} ({words[topic]})" for topic in chosen)


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Yield the output stream; a file appears under its name only when it is complete."""
    if path is None or path == STDIN:
        yield sys.stdout
    elif path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as device:
            yield device
    else:
        partial = path.with_name(f".{path.name}.part")
        try:
            with _opened(partial, path) as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _opened(partial: Path, path: Path) -> TextIO:
    try:
        return partial.open("w", encoding="utf-8")
    except OSError as error:
        reason = error.strerror if path.parent.is_dir() else f"{path.parent} is not a directory"
        raise InputError(f"Cannot write {path}: {reason}. Choose another --out.") from None


def _read_topics(model: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((model / TOPICS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(model, error) from None
    return document
