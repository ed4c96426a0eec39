"""Inference requests in parallel batches, with retries."""

import contextlib
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, FiniteFloat, ValidationError

from topicsmith.core.errors import OperatorError, code

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
LARGEST_REQUEST = 6_291_456
# Serverless endpoints accept 4 MB, and responses have the same limit: 200 texts with 1,000 topics are 4 MB.
_REQUEST_BYTES = 4_000_000
_TEXTS = 200
_REQUESTS_AT_A_TIME = 4
_ATTEMPTS = 6
_LONGEST_PAUSE_SECONDS = 20.0
# In addition to what boto3 retries: a serverless endpoint that is starting, and a failure inside SageMaker.
_TEMPORARY = {"ModelNotReadyException", "InternalDependencyException"}


class DescribedTopic(BaseModel):
    """One of the heaviest topics of a text.

    Attributes:
        topic: Index of the topic in ``topic_weights``.
        weight: Share of the text.
        words: Top words.
    """

    topic: int
    weight: FiniteFloat
    words: list[str]


class Prediction(BaseModel):
    """Prediction for a text.

    Attributes:
        topic_weights: One weight per topic; the weights sum to 1.
        topics: Heaviest topics, if requested and if the model can describe them.
    """

    topic_weights: list[FiniteFloat]
    topics: list[DescribedTopic] = []


class _Answer(BaseModel):
    predictions: list[Prediction]


@dataclass(frozen=True)
class Target:
    """Target of inference requests.

    Attributes:
        endpoint: Name of the endpoint.
        variant: Production variant; None selects by the variants' weights.
        topics: Number of heaviest topics per text to describe by their words.
        sleep: Function that waits before a retry.
    """

    endpoint: str
    variant: str | None = None
    topics: int = 0
    sleep: Callable[[float], None] = time.sleep


def predictions(runtime: "SageMakerRuntimeClient", target: Target, texts: Iterable[str]) -> Iterator[Prediction]:
    """Yield the prediction for each text, in order.

    The texts are consumed lazily; only a few requests are in memory.

    Raises:
        OperatorError: The endpoint rejected a text or returned an invalid response.
        ClientError: The request failed, for example with a ValidationError if the endpoint does not exist.
    """
    running: deque[Future[list[Prediction]]] = deque()
    threads = ThreadPoolExecutor(_REQUESTS_AT_A_TIME, thread_name_prefix="infer")
    first = 1
    try:
        for batch in batches(texts):
            running.append(threads.submit(_ask, runtime, target, batch, first))
            first += len(batch)
            if len(running) >= 2 * _REQUESTS_AT_A_TIME:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _ask(runtime: "SageMakerRuntimeClient", target: Target, texts: Sequence[str], first: int) -> list[Prediction]:
    """Send one request; ``first`` is the number of its first text."""
    content = _invoke(
        runtime, target, texts, f"text {first}" if len(texts) == 1 else f"texts {first}-{first + len(texts) - 1}"
    )
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        raise OperatorError(f"Endpoint {target.endpoint} returned no topic weights: {content[:200]!r}") from error
    if len(answer.predictions) != len(texts):
        raise OperatorError(
            f"Endpoint {target.endpoint} returned predictions for {len(answer.predictions)} of {len(texts)} texts."
        )
    return answer.predictions


def _invoke(runtime: "SageMakerRuntimeClient", target: Target, texts: Sequence[str], which: str) -> bytes:
    from botocore.exceptions import ClientError

    request = body(texts)
    if len(request) > LARGEST_REQUEST:
        raise OperatorError(
            f"{which.capitalize()} is too long: its request has {len(request):,} bytes; SageMaker accepts "
            f"{LARGEST_REQUEST:,}.",
            "Shorten or remove the text.",
        )
    attempt = 0
    while True:
        attempt += 1
        try:
            return runtime.invoke_endpoint(
                EndpointName=target.endpoint,
                ContentType="application/json",
                Accept="application/json" + (f"; topics={target.topics}" if target.topics else ""),
                Body=request,
                **({"TargetVariant": target.variant} if target.variant else {}),
            )["Body"].read()
        except ClientError as error:
            if attempt < _ATTEMPTS and _is_temporary(error):
                target.sleep(min(2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1))
            elif code(error) == "ModelError":
                raise _refused(target.endpoint, which, error) from error
            else:
                raise


def _is_temporary(error: "ClientError") -> bool:
    """Return whether a retry may succeed, as it may even after a 5xx response of the model."""
    return code(error) in _TEMPORARY or _original_status(error) >= 500


def _original_status(error: "ClientError") -> int:
    """Return the status of the container's response, or 0 if the request did not reach the container."""
    return int(str(error.response.get("OriginalStatusCode", 0)))


def body(texts: Sequence[str]) -> bytes:
    """Return the body of the request for the topics of ``texts``."""
    return json.dumps({"instances": [{"text": text} for text in texts]}, ensure_ascii=False).encode()


def batches(texts: Iterable[str], limit: int = _REQUEST_BYTES, most: int = _TEXTS) -> Iterator[list[str]]:
    """Yield the texts in batches of at most ``most`` texts and ``limit`` bytes; a batch has at least one text."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(body([text]))
        if batch and (size + length > limit or len(batch) == most):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def _refused(endpoint: str, which: str, error: "ClientError") -> OperatorError:
    message = str(error.response.get("OriginalMessage") or error.response.get("Error", {}).get("Message", ""))
    with contextlib.suppress(ValueError, KeyError, TypeError):
        message = json.loads(message)["error"]
    if _original_status(error) >= 500:
        return OperatorError(
            f"Endpoint {endpoint} failed {_ATTEMPTS} times on {which}: {message}",
            f"Log: /aws/sagemaker/Endpoints/{endpoint}",
        )
    return OperatorError(f"Endpoint {endpoint} rejected {which}: {message}")
