"""The roles of delivery, which policies of other accounts and workflows name before they exist."""

from typing import Literal

Work = Literal["deploy", "review"]
"""What is done with an environment: it is deployed, or looked at."""


def role_name(environment: str, work: Work) -> str:
    """Return the name of the role, in an environment's account, of whoever does this work."""
    return f"topicsmith-{environment}-{work}"


def step_role_name(environment: str, work: Work) -> str:
    """Return the name of the role, in the pipeline's account, of the steps that do this work."""
    # With the dot, none is the role of an environment whose name begins with delivery.
    return f"topicsmith-delivery.{environment}-{work}"
