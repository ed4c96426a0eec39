"""``diff``: the changes that a deployment would make, dangerous ones first."""

import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topicsmith.commands.options import environment_names
from topicsmith.core import checkout, output
from topicsmith.core.errors import explain
from topicsmith.diff import compare
from topicsmith.diff.compare import Report
from topicsmith.diff.report import as_json, as_markdown, as_text
from topicsmith.diff.sources import sources

_CANNOT_COMPARE = 3


class Format(StrEnum):
    """Format of a report."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def diff(
    base: Annotated[
        str,
        typer.Option(
            metavar="BASE",
            help="Base of the comparison: a commit, `deployed`, or the directory of a cloud assembly.",
        ),
    ] = "HEAD",
    env: Annotated[
        str,
        typer.Option(
            "--env",
            envvar="TOPICSMITH_ENV",
            metavar="NAME",
            help="The environment, or `all`.",
            autocompletion=lambda: [*environment_names(), "all"],
        ),
    ] = "dev",
    format_: Annotated[Format, typer.Option("--format", help="The output format.")] = (Format.TEXT),
    assembly: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The cloud assembly to compare.", show_default="the working tree, synthesized"
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show folded changes in full.")] = False,
) -> None:
    """Show what a deployment would change: data loss first, then permissions, behaviour and the rest.

    Both sides are synthesized offline; only --base deployed queries AWS.

    Exit codes: 0 no changes, 1 changes, 2 dangerous changes, 3 the comparison
    failed.

    Example:
      topicsmith diff --base main --env all --format markdown
    """
    try:
        report = _report(base, env, assembly)
    except Exception as error:
        # Any other status says something about the changes.
        meaning = explain(error)
        if meaning is None:
            traceback.print_exc()
        else:
            output.print_error(meaning)
        raise typer.Exit(_CANNOT_COMPARE) from error
    if format_ is Format.JSON:
        output.print_json(as_json.record(report))
    elif format_ is Format.MARKDOWN:
        sys.stdout.write(as_markdown.write(report, title=f"Diff of {env}", verbose=verbose))
    else:
        as_text.write(report, output.results(), verbose=verbose)
    raise typer.Exit(report.status)


def _report(base: str, env: str, assembly: Path | None) -> Report:
    # Two assemblies can be compared anywhere; the working tree needs a checkout.
    root = checkout.project_root() if assembly is None else checkout.find() or Path.cwd()
    with (
        output.progress().status(f"Comparing {env} with {base}"),
        sources.open_sides(root, base=base, environment=env, new=assembly) as sides,
    ):
        return compare.compare(sides)
