"""Errors that the operator can fix."""


class CorpusError(ValueError):
    """The corpus or the settings are unusable.

    The pipeline step shows the message, which names the problem, the value, what is allowed and where to change it.
    """
