"""Expressions of SageMaker pipelines: references, joins, JSON values and comparisons.

They produce the same JSON as ``sagemaker.workflow.functions`` and ``sagemaker.workflow.conditions`` of the SageMaker
Python SDK.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def get(path: str) -> Json:
    """Return a reference to a value that is only known at run time."""
    return {"Get": path}


EXECUTION_ID = get("Execution.PipelineExecutionId")
"""ID of the current execution, which contains no slashes."""
EXECUTION_ARN = get("Execution.PipelineExecutionArn")
"""ARN of the current execution."""


def join(on: str, *values: Json) -> Json:
    """Return the values joined by ``on``."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


def as_text(value: Json) -> Json:
    """Return a value as a string, the type of all hyperparameters."""
    return join("", value)


def json_get(property_file: Json, path: str) -> Json:
    """Return the value at a path of a JSON file that a processing job wrote.

    Args:
        property_file: Reference returned by ``ProcessingStep.property_file``.
        path: Dotted path, for example ``metrics.npmi``.
    """
    return {"Std:JsonGet": {"PropertyFile": property_file, "Path": path}}


def at_least(left: Json, right: Json) -> Json:
    """Return the condition ``left >= right``."""
    return {"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": right}


def at_most(left: Json, right: Json) -> Json:
    """Return the condition ``left <= right``."""
    return {"Type": "LessThanOrEqualTo", "LeftValue": left, "RightValue": right}
