"""Text report for a terminal or a pipe."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from topicsmith.diff.compare import Report
from topicsmith.diff.model.changes import TITLES, Found, Risk
from topicsmith.diff.report import layout

_STYLES = {Risk.DATA: "bold white on red", Risk.ACCESS: "bold yellow", Risk.BEHAVIOUR: "bold cyan", Risk.REST: "bold"}
_DANGEROUS = "bold red"


def write(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print the report.

    Args:
        report: Changes to report.
        console: Console to print to.
        verbose: Whether to show folded details.
    """
    for note in report.notes:
        _line(console, 0, Text(note, style="dim"))
    _line(console, 0, Text(layout.summary(report), style=_DANGEROUS if report.dangerous else "bold"))
    before = None
    for group in layout.groups(report):
        if group.risk is not before:
            console.print()
            title = TITLES[group.risk]
            _line(console, 0, Text(title.upper() if group.risk is Risk.DATA else title, style=_STYLES[group.risk]))
            before = group.risk
        _line(console, 2, Text(", ".join(group.stacks), style="dim"))
        for one in group.found:
            _change(console, one, verbose=verbose)


def _change(console: Console, one: Found, *, verbose: bool) -> None:
    change = one.change
    mark, style = ("!", _DANGEROUS) if change.dangerous else ("·", "")
    _line(console, 4, Text.assemble((f"{mark} {change.message}", style)))
    for line in layout.details(one, verbose=verbose):
        colour = {"+": "green", "-": "red"}.get(line[:1], "")
        _line(console, 8, Text(line, style=colour))
    if change.way_out:
        _line(console, 8, Text(change.way_out, style="italic"))


def _line(console: Console, indent: int, text: Text) -> None:
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        # Do not wrap in a pipe: grep and the like expect whole lines.
        console.print(Text(" " * indent) + text, soft_wrap=True)
