"""Asking an endpoint which topics texts have: in batches, several at a time, and again where it was busy."""

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
# Serverless endpoints take 4 MB, and no answer may be larger than a request: with 1,000 topics, 200 texts have 4 MB.
_REQUEST_BYTES = 4_000_000
_TEXTS = 200
_REQUESTS_AT_A_TIME = 4
_ATTEMPTS = 6
_LONGEST_PAUSE_SECONDS = 20.0
# Beside what boto3 tries again itself: a serverless endpoint that starts, and a fault of SageMaker's own.
_TEMPORARY = {"ModelNotReadyException", "InternalDependencyException"}


class DescribedTopic(BaseModel):
    """One of the heaviest topics of a text.

    Attributes:
        topic: its number, which is its place in ``topic_weights``.
        weight: its share of the text.
        words: its best words.
    """

    topic: int
    weight: FiniteFloat
    words: list[str]


class Prediction(BaseModel):
    """What a model says of a text.

    Attributes:
        topic_weights: a weight for each of its topics; their sum is 1.
        topics: the heaviest topics, if they were asked for and the model can describe them.
    """

    topic_weights: list[FiniteFloat]
    topics: list[DescribedTopic] = []


class _Answer(BaseModel):
    predictions: list[Prediction]


@dataclass(frozen=True)
class Target:
    """What is asked.

    Attributes:
        endpoint: its name.
        variant: the production variant; None for whichever the weights of the variants choose.
        topics: how many of each text's heaviest topics are described by their words.
        sleep: waits before another attempt.
    """

    endpoint: str
    variant: str | None = None
    topics: int = 0
    sleep: Callable[[float], None] = time.sleep


def predictions(runtime: "SageMakerRuntimeClient", target: Target, texts: Iterable[str]) -> Iterator[Prediction]:
    """Yield what the model says of each text, in the order of the texts.

    The texts are read as they are needed: no more than a few requests are held.

    Raises:
        OperatorError: the endpoint refused a text, or answered something else.
        ClientError: it could not be reached; for example a ValidationError when it does not exist.
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
    """Ask about texts, of which the first one has the number ``first``."""
    content = _invoke(
        runtime, target, texts, f"text {first}" if len(texts) == 1 else f"texts {first}-{first + len(texts) - 1}"
    )
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        raise OperatorError(
            f"Endpoint {target.endpoint} answered something else than topic weights: {content[:200]!r}"
        ) from error
    if len(answer.predictions) != len(texts):
        raise OperatorError(f"Endpoint {target.endpoint} answered {len(answer.predictions)} of {len(texts)} texts.")
    return answer.predictions


def _invoke(runtime: "SageMakerRuntimeClient", target: Target, texts: Sequence[str], which: str) -> bytes:
    from botocore.exceptions import ClientError

    request = body(texts)
    if len(request) > LARGEST_REQUEST:
        raise OperatorError(
            f"{which.capitalize()} is too long: its request has {len(request):,} bytes, and SageMaker takes "
            f"{LARGEST_REQUEST:,}.",
            "Shorten it, or leave it out.",
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
    """Tell whether the same request may succeed later; a model's own 5xx is no error of the request."""
    return code(error) in _TEMPORARY or _original_status(error) >= 500


def _original_status(error: "ClientError") -> int:
    """Return the status that the container answered; 0 where it was not asked."""
    return int(str(error.response.get("OriginalStatusCode", 0)))


def body(texts: Sequence[str]) -> bytes:
    """Return the request that asks for the topics of ``texts``."""
    return json.dumps({"instances": [{"text": text} for text in texts]}, ensure_ascii=False).encode()


def batches(texts: Iterable[str], limit: int = _REQUEST_BYTES, most: int = _TEXTS) -> Iterator[list[str]]:
    """Yield the texts in order, ``most`` at a time, or as many as a request of ``limit`` bytes holds; at least one."""
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
            f"Endpoint {endpoint} failed at {which}, {_ATTEMPTS} times: {message}",
            f"Its log: /aws/sagemaker/Endpoints/{endpoint}",
        )
    return OperatorError(f"Endpoint {endpoint} refused the request with {which}: {message}")
