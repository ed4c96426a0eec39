"""Confirmation of what cannot be undone."""

import typer

from topicsmith.core.errors import OperatorError


def confirm(question: str) -> None:
    """Ask for confirmation.

    Raises:
        OperatorError: The user declined or gave no answer.
    """
    try:
        answer = typer.confirm(question, err=True)
    except typer.Abort as error:
        raise OperatorError("Nothing was changed: there was no answer.", "Skip the confirmation with --yes.") from error
    if not answer:
        raise OperatorError("Nothing was changed.")
