"""Names of the delivery roles, used by policies and workflows before the roles exist."""

from typing import Literal

Work = Literal["deploy", "review"]
"""Kind of work on an environment."""


def role_name(environment: str, work: Work) -> str:
    """Return the name of the role in the environment's account."""
    return f"topicsmith-{environment}-{work}"


def step_role_name(environment: str, work: Work) -> str:
    """Return the name of the steps' role in the delivery pipeline's account."""
    # The dot rules out a clash with an environment whose name begins with "delivery".
    return f"topicsmith-delivery.{environment}-{work}"
