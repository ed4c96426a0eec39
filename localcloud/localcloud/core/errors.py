"""Base class of the package's exceptions."""


class LocalCloudError(Exception):
    """Base class of this package's exceptions, except those that become API errors."""
