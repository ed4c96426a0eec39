"""The two sides of a comparison: the working tree and its base."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topicsmith.core.errors import OperatorError
from topicsmith.diff.model import assembly
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.comparison import Sides
from topicsmith.diff.sources import checkout, deployed

DEPLOYED = "deployed"
"""Base that stands for the deployed templates."""
ALL = "all"
"""Environment that stands for all of them, and for stacks outside any."""


@contextmanager
def open_sides(root: Path, *, base: str, environment: str, new: Path | None) -> Iterator[Sides]:
    """Yield the two sides; assemblies synthesized for them are deleted afterwards.

    Args:
        root: The checkout.
        base: A commit, ``deployed``, or the directory of a cloud assembly.
        environment: Name of the environment, or ``all``.
        new: A cloud assembly that replaces the working tree's.

    Raises:
        OperatorError: A side is not available, or neither has this environment.
    """
    directory = Path(base) if assembly.is_assembly(Path(base)) else None
    commit = None if base == DEPLOYED or directory else checkout.resolve(root, base)
    title = checkout.subject(root, commit) if commit else base
    notes = [f"{title} → {new or 'the working tree'}"]
    if commit and (changed := checkout.changed_libraries(root, commit)):
        notes.append(
            f"{', '.join(changed)} changed, but both sides were synthesized with the libraries installed now. To see "
            f"the effect of the new libraries, compare with BASE={DEPLOYED}."
        )
    with checkout.assemblies(root, commit, tree=new is None) as (old, made):
        after = new or made
        assert after is not None
        yield _sides(directory or old, after, environment, tuple(notes))


def _sides(old: Path | None, new: Path, environment: str, notes: tuple[str, ...]) -> Sides:
    after = assembly.read(new)
    if old is None:
        names = [environment] if environment != ALL else sorted({one.environment for one in after if one.environment})
        before = deployed.stacks(_of(after, environment), names)
        after = [deployed.as_returned(stack) for stack in after]
    else:
        before = assembly.read(old)
    _require(environment, [*before, *after])
    return Sides(before=_of(before, environment), after=_of(after, environment), old=old, new=new, notes=notes)


def _of(stacks: Sequence[Stack], environment: str) -> list[Stack]:
    return [stack for stack in stacks if environment in (ALL, stack.environment)]


def _require(environment: str, stacks: Sequence[Stack]) -> None:
    names = sorted({stack.environment for stack in stacks if stack.environment})
    if environment not in (ALL, *names):
        raise OperatorError(
            f"There is no environment {environment!r} on either side.", f"Choose one of: {', '.join(names)}; or {ALL}."
        )
