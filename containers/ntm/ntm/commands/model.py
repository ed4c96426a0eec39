"""``ntm topics`` and ``ntm transform``: what a trained model found, and what documents are of."""

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

from ntm.artifacts.artifacts import TOPICS, read_model
from ntm.commands.console import console_of
from ntm.common.errors import InputError
from ntm.data.documents import CONTENT_TYPES_HELP, Documents
from ntm.network.inference import Array

# Words that stand for a topic in a line.
_FEW_WORDS = 5

ModelDirectory = Annotated[Path, typer.Argument(metavar="MODEL", help="The directory that ntm train wrote.")]


def show_topics(
    model: ModelDirectory,
    words: Annotated[int, typer.Option(min=1, max=20, help="Words a topic.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the topics of a model: words, coherence, and share of the documents.

    NPMI is the mean pairwise normalised pointwise mutual information of the
    ten best words over the training documents, from -1 to 1; what people
    find coherent is well above 0. WETC, where training was given word
    vectors, is the mean pairwise cosine of these words' vectors. Unique is 1
    when no other topic has the words.

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
        table.add_column(column, justify="right")
    table.add_column("Words")
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


def transform(
    model: ModelDirectory,
    documents: Annotated[Path, typer.Argument(help="A file or a folder of .txt, .pbr or .csv; - for texts on stdin.")],
    out: Annotated[Path | None, typer.Option(help="The file to write, instead of to the terminal.")] = None,
    top: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The N heaviest topics and their words, for people to read.")
    ] = None,
    content_type: Annotated[str | None, typer.Option(metavar="TYPE", help=CONTENT_TYPES_HELP)] = None,
) -> None:
    """Tell which topics documents are of.

    Writes JSON Lines in the order of the documents, the weights in the order
    of ntm topics: {"topic_weights": [0.81, 0.02, ...]}.

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
    """Yield a stream; a file appears once it is whole."""
    if path is None:
        yield sys.stdout
    elif path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as device:
            yield device
    else:
        partial = path.with_name(f".{path.name}.part")
        try:
            with partial.open("w", encoding="utf-8") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _read_topics(model: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((model / TOPICS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"There is no usable model in {model}: {error}.") from None
    return document
