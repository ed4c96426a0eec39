"""Options shared by several commands."""

from typing import Annotated

import typer

from topicsmith.core import checkout
from topicsmith.corpora.corpus import column_names


def check_columns(names: str | None) -> str | None:
    """Reject a list of columns with empty or repeated names."""
    columns = column_names(names) if names is not None else []
    if not all(columns) or len(set(columns)) < len(columns):
        raise typer.BadParameter(f"{names!r} is not a list of distinct column names such as title,body")
    return names


def environment_names() -> list[str]:
    """Return the names of the environments in the checkout, for shell completion."""
    root = checkout.find()
    return sorted(file.stem for file in (root / "environments").glob("*.yaml")) if root else []


Environment = Annotated[
    str,
    typer.Option(
        "--env",
        envvar="TOPICSMITH_ENV",
        metavar="NAME",
        help="The deployed environment: dev, prod, ...",
        autocompletion=environment_names,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout. Progress always goes to stderr.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run; `topicsmith runs` lists them.")]
