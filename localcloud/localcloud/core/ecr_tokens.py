"""Passwords of Amazon ECR for ``docker login``.

See https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html. AWS's are opaque; these
contain the credentials of the caller that requested them.
"""

import base64
import json

from botocore.credentials import Credentials


def encode(credentials: Credentials) -> str:
    """Return the password that stands for credentials."""
    content = [credentials.access_key, credentials.secret_key, credentials.token]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def decode(password: str) -> Credentials:
    """Return the credentials in a password.

    Raises:
        ValueError: The password contains none.
    """
    content = json.loads(base64.urlsafe_b64decode(password))
    if not (isinstance(content, list) and len(content) == 3):
        raise ValueError("not a password of ECR")
    return Credentials(*content)
