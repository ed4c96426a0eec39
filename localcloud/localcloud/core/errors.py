"""The root of the package's exceptions."""


class LocalCloudError(Exception):
    """Base class of the exceptions that this package raises, apart from those that answer an API call."""
