"""Errors that the operator can fix."""


class CorpusError(ValueError):
    """The corpus or the settings are unusable.

    The message appears in the pipeline step. It names the problem, the value, the allowed values and the setting.
    """
