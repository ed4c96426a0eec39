"""Asking an endpoint which topics a text has."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, FiniteFloat, ValidationError

from topicsmith.errors import OperatorError, code

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# SageMaker takes no request above 6 MB.
_REQUEST_BYTES = 5_000_000


class _Prediction(BaseModel):
    topic_weights: list[FiniteFloat]


class _Answer(BaseModel):
    predictions: list[_Prediction]


def topic_weights(runtime: "SageMakerRuntimeClient", endpoint: str, texts: Sequence[str]) -> list[list[float]]:
    """Return each text's topic mixture: a weight for each topic, in the order of the model's topics; their sum is 1.

    Raises:
        OperatorError: the endpoint refused a text, or answered something else.
        ClientError: it could not be reached; for example a ValidationError when it does not exist.
    """
    return [weights for batch in batches(texts) for weights in _invoke(runtime, endpoint, batch)]


def _invoke(runtime: "SageMakerRuntimeClient", endpoint: str, texts: Sequence[str]) -> list[list[float]]:
    from botocore.exceptions import ClientError

    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Accept="application/json", Body=body(texts)
        )
    except ClientError as error:
        if code(error) != "ModelError":
            raise
        raise _refused(endpoint, error) from error
    content = response["Body"].read()
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        raise OperatorError(
            f"Endpoint {endpoint} answered something else than topic weights: {content[:200]!r}"
        ) from error
    if len(answer.predictions) != len(texts):
        raise OperatorError(f"Endpoint {endpoint} answered {len(answer.predictions)} of {len(texts)} texts.")
    return [prediction.topic_weights for prediction in answer.predictions]


def body(texts: Sequence[str]) -> bytes:
    """Return the request that asks for the topics of ``texts``."""
    return json.dumps({"instances": [{"text": text} for text in texts]}, ensure_ascii=False).encode()


def batches(texts: Sequence[str], limit: int = _REQUEST_BYTES) -> Iterator[list[str]]:
    """Yield the texts in order, as many at a time as a request of ``limit`` bytes holds; at least one."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(body([text]))
        if batch and size + length > limit:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def _refused(endpoint: str, error: "ClientError") -> OperatorError:
    message = str(error.response.get("OriginalMessage") or error.response.get("Error", {}).get("Message", ""))
    with contextlib.suppress(ValueError, KeyError, TypeError):
        message = json.loads(message)["error"]
    return OperatorError(f"Endpoint {endpoint} refused the request: {message}")
