"""Requests to an endpoint: batches, order, concurrency and retries."""

import io
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from topicsmith.core.errors import OperatorError
from topicsmith.serving import inference
from topicsmith.serving.inference import Target


class Runtime:
    """A fake endpoint that answers each text with its length.

    Attributes:
        requests: Requests in order of arrival.
        failures: Errors to raise instead of the next responses.
    """

    def __init__(self, *failures: ClientError) -> None:
        self.failures = list(failures)
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.requests.append(request)
            if self.failures:
                raise self.failures.pop(0)
        answer = {"predictions": [{"topic_weights": [len(text)]} for text in texts_of(request)]}
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


def texts_of(request: dict[str, Any]) -> list[str]:
    return [instance["text"] for instance in json.loads(request["Body"])["instances"]]


def refusal(code: str, message: str = "", status: int | None = None) -> ClientError:
    original = {"OriginalStatusCode": status, "OriginalMessage": message} if status else {}
    return ClientError({"Error": {"Code": code, "Message": message}, **original}, "InvokeEndpoint")  # type: ignore[typeddict-item]


def ask(runtime: Any, texts: list[str], variant: str | None = None) -> tuple[list[list[float]], list[float]]:
    """Return the predictions and the pauses between attempts."""
    pauses: list[float] = []
    answers = inference.predictions(runtime, Target("endpoint", variant, sleep=pauses.append), texts)
    return [answer.topic_weights for answer in answers], pauses


@settings(max_examples=20)
@given(st.lists(st.integers(0, 1000), max_size=1500))
def test_answers_come_in_the_order_of_the_texts(lengths: list[int]) -> None:
    runtime = Runtime()
    answers, _ = ask(runtime, ["x" * length for length in lengths])
    assert answers == [[length] for length in lengths]
    assert sum(len(texts_of(request)) for request in runtime.requests) == len(lengths)
    assert all(len(texts_of(request)) <= 200 for request in runtime.requests)


def test_requests_keep_to_the_limits_of_any_endpoint() -> None:
    runtime = Runtime()
    ask(runtime, ["ü" * 1_000_000] * 5)
    assert [len(texts_of(request)) for request in runtime.requests] == [1] * 5
    assert all(len(request["Body"]) < 4_194_304 for request in runtime.requests)


def test_several_requests_run_concurrently() -> None:
    together = threading.Barrier(4, timeout=900)

    class Slow(Runtime):
        def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
            together.wait()
            return super().invoke_endpoint(**request)

    answers, _ = ask(Slow(), ["text"] * 800)
    assert len(answers) == 800


def test_texts_are_read_lazily() -> None:
    read = 0

    def texts() -> Any:
        nonlocal read
        for number in range(1_000_000):
            read += 1
            yield str(number)

    answers = inference.predictions(Runtime(), Target("endpoint"), texts())  # type: ignore[arg-type]
    assert next(answers).topic_weights == [1]
    assert read < 2000
    answers.close()  # type: ignore[attr-defined]


def test_a_text_above_sagemakers_limit_is_refused_before_sending() -> None:
    runtime = Runtime()
    with pytest.raises(OperatorError, match=r"Text 2 is too long: .* 7,000,029 bytes; SageMaker accepts 6,291,456"):
        ask(runtime, ["short", "x" * 7_000_000])
    assert [texts_of(request) for request in runtime.requests] == [["short"]]


@pytest.mark.parametrize(
    "failure",
    [
        refusal("ModelError", "draining", 503),
        refusal("ModelError", "worker died", 500),
        refusal("ModelNotReadyException"),
        refusal("InternalDependencyException"),
    ],
    ids=lambda failure: failure.response["Error"]["Code"],
)
def test_transient_errors_are_retried_with_growing_pauses(failure: ClientError) -> None:
    runtime = Runtime(failure, failure, failure)
    answers, pauses = ask(runtime, ["text"])
    assert answers == [[4]]
    assert len(runtime.requests) == 4
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, [(0.5, 1), (1, 2), (2, 4)], strict=True))


def test_persistent_errors_are_raised_with_the_log_group() -> None:
    runtime = Runtime(*[refusal("ModelError", '{"error": "out of memory"}', 500)] * 6)
    with pytest.raises(OperatorError, match="Endpoint endpoint failed 6 times on text 1: out of memory") as caught:
        ask(runtime, ["text"])
    assert caught.value.next_step == "Log: /aws/sagemaker/Endpoints/endpoint"


def test_texts_refused_by_the_model_are_named_and_not_retried() -> None:
    runtime = Runtime(refusal("ModelError", '{"error": "a text must not be empty"}', 400))
    with pytest.raises(OperatorError, match="rejected texts 1-2: a text must not be empty"):
        ask(runtime, ["a", "b"])
    assert len(runtime.requests) == 1


def test_other_errors_are_raised_unchanged() -> None:
    runtime = Runtime(refusal("AccessDeniedException"))
    with pytest.raises(ClientError):
        ask(runtime, ["text"])
    assert len(runtime.requests) == 1


def test_a_variant_is_invoked_only_by_name() -> None:
    runtime = Runtime()
    ask(runtime, ["text"], variant="Challenger")
    ask(runtime, ["text"])
    assert [request.get("TargetVariant") for request in runtime.requests] == ["Challenger", None]


def test_topic_words_are_requested_only_if_shown() -> None:
    runtime = Runtime()
    list(inference.predictions(runtime, Target("endpoint", topics=3), ["text"]))  # type: ignore[arg-type]
    ask(runtime, ["text"])
    assert [request["Accept"] for request in runtime.requests] == ["application/json; topics=3", "application/json"]
