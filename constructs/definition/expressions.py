"""What a SageMaker pipeline computes while it runs: references, joined texts, values of a step's JSON, comparisons.

See ``sagemaker.workflow.functions`` and ``sagemaker.workflow.conditions`` of the SageMaker Python SDK, which write the
same.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def get(path: str) -> Json:
    """Return a reference to what is only known while the pipeline runs."""
    return {"Get": path}


EXECUTION_ID = get("Execution.PipelineExecutionId")
"""The id of the running execution, a path component without slashes."""
EXECUTION_ARN = get("Execution.PipelineExecutionArn")
"""The ARN of the running execution."""


def join(on: str, *values: Json) -> Json:
    """Return the text of the values with ``on`` between them."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


def as_text(value: Json) -> Json:
    """Return the text of a value, which is what hyperparameters are."""
    return join("", value)


def json_get(property_file: Json, path: str) -> Json:
    """Return the value at a path, for example ``metrics.npmi``, of a JSON file that a processing job wrote.

    Args:
        property_file: reference to the file, as ``ProcessingStep.property_file`` makes it.
        path: names with dots between them.
    """
    return {"Std:JsonGet": {"PropertyFile": property_file, "Path": path}}


def at_least(left: Json, right: Json) -> Json:
    """Return the condition that the left value is not less than the right one."""
    return {"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": right}


def at_most(left: Json, right: Json) -> Json:
    """Return the condition that the left value is not greater than the right one."""
    return {"Type": "LessThanOrEqualTo", "LeftValue": left, "RightValue": right}
