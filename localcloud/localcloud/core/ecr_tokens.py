"""The password that ECR gives for ``docker login``: whoever pushes with it acts as who asked for it.

See https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html. AWS's is opaque; here it holds the
credentials themselves.
"""

import base64
import json

from botocore.credentials import Credentials


def encode(credentials: Credentials) -> str:
    """Return the password of whoever has these credentials."""
    content = [credentials.access_key, credentials.secret_key, credentials.token]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def decode(password: str) -> Credentials:
    """Return the credentials that a password holds.

    Raises:
        ValueError: it holds none.
    """
    content = json.loads(base64.urlsafe_b64decode(password))
    if not (isinstance(content, list) and len(content) == 3):
        raise ValueError("not a password of ECR")
    return Credentials(*content)
