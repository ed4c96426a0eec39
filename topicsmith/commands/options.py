"""Options that several commands have."""

from typing import Annotated

import typer

from topicsmith.corpora.corpus import column_names


def check_columns(names: str | None) -> str | None:
    """Refuse a list of columns that has an empty name or one twice."""
    columns = column_names(names) if names is not None else []
    if not all(columns) or len(set(columns)) < len(columns):
        raise typer.BadParameter(f"{names!r} is not a list of different column names, like title,body")
    return names


Environment = Annotated[
    str,
    typer.Option("--env", envvar="TOPICSMITH_ENV", metavar="NAME", help="The deployed environment: dev, prod, ..."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout; progress goes to stderr either way.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id; see the command runs.")]
