"""Exception for errors that users can fix."""


class InputError(Exception):
    """Invalid request, data or hyperparameter; the message says what to change.

    A training job fails with exit code 1 and the message as its failure reason; the server returns it with status 4xx.
    """
