"""The one error that the operator can do something about."""


class CorpusError(ValueError):
    """Nothing usable can be made of the corpus or with the settings.

    The message is what the pipeline's step shows: it says what is wrong, the value, what is allowed and where
    to change it.
    """
