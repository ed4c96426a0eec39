"""The one exception for what the user can put right."""


class InputError(Exception):
    """The request, the data or a hyperparameter is not usable; the message says what to change.

    A training job ends with exit code 1 and this message as its failure reason; the server answers 4xx with it.
    """
