"""Markdown report for a comment on a pull request."""

import re

from topicsmith.diff.compare import Report
from topicsmith.diff.model.changes import TITLES, Found, Risk
from topicsmith.diff.report import layout

# GitHub's limit for a comment, in characters: https://github.com/orgs/community/discussions/41331
_LIMIT = 65_536
_ROOM_FOR_THE_END = 600
_SIGNS = {Risk.DATA: "⛔", Risk.ACCESS: "🔑", Risk.BEHAVIOUR: "⚙️", Risk.REST: "▫️"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|@])")


def write(report: Report, *, title: str, verbose: bool = False) -> str:
    """Return the report as Markdown that fits into a GitHub comment and states how many changes were left out.

    Args:
        report: Changes to report.
        title: Heading of the comment.
        verbose: Whether to show folded details.
    """
    sign = "⛔" if report.dangerous else "✅" if not report.found else "▫️"
    text = f"## {sign} {_escaped(title)}: {layout.summary(report)}\n"
    text += "".join(f"\n{_escaped(note)}\n" for note in report.notes)
    left_out = 0
    for block, changes in _blocks(report, verbose=verbose):
        if left_out or len(text) + len(block) > _LIMIT - _ROOM_FOR_THE_END:
            left_out += changes
        else:
            text += block
    if left_out:
        text += f"\n**{left_out} more changes do not fit into a comment.** `make diff` shows them all.\n"
    return text


def _blocks(report: Report, *, verbose: bool) -> list[tuple[str, int]]:
    """Return the blocks of text with the number of changes in each; low-risk changes share one block."""
    blocks: list[tuple[str, int]] = []
    before: Risk | None = None
    rest = ""
    count = 0
    for group in layout.groups(report):
        stacks = f"\n`{'`, `'.join(group.stacks)}`\n\n"
        changes = [_change(one, verbose=verbose) for one in group.found]
        if group.risk is Risk.REST:
            rest += stacks + "".join(changes)
            count += len(changes)
            continue
        heading = "" if group.risk is before else f"\n### {_SIGNS[group.risk]} {TITLES[group.risk]}\n"
        before = group.risk
        first, *others = changes
        blocks += [(heading + stacks + first, 1), *((other, 1) for other in others)]
    if rest:
        blocks.append((f"\n<details><summary>{TITLES[Risk.REST]} ({count})</summary>\n{rest}\n</details>\n", count))
    return blocks


def _change(one: Found, *, verbose: bool) -> str:
    change = one.change
    message = _escaped(change.message)
    text = f"- {f'**{message}**' if change.dangerous else message}\n"
    if lines := layout.details(one, verbose=verbose):
        fence = "`" * max(3, 1 + max(len(run) for run in [*re.findall("`+", "\n".join(lines)), ""]))
        body = "\n".join(f"  {line}" for line in lines)
        text += f"\n  {fence}diff\n{body}\n  {fence}\n\n"
    if change.way_out:
        text += f"\n  *{_escaped(change.way_out)}*\n\n"
    return text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
