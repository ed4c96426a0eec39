"""The ``check`` command."""

import json

import pytest
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from tests.topicsmith.account import Account, Invoke


def answer_with(account: Account, *mixtures: list[float]) -> list[str]:
    """Make the endpoint return these topic weights; return a list that collects the invoked variants."""
    asked: list[str] = []

    def answer(response: SageMakerRuntimeResponse) -> tuple[int, dict[str, str], str]:
        asked.append(response.headers["X-Amzn-SageMaker-Target-Variant"])
        predictions = [{"topic_weights": weights} for weights in mixtures]
        return 200, {"content-type": "application/json"}, json.dumps({"predictions": predictions})

    account.monkeypatch.setattr(SageMakerRuntimeResponse, "invoke_endpoint", answer)
    return asked


def test_every_variant_answers(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register())
    asked = answer_with(deployed, [0.25, 0.75], [0.5, 0.5], [1, 0])
    result = invoke("check")
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first == "dev is deployed. Endpoint topicsmith-dev serves version 1:"
    assert second.startswith("  ✓ AllTraffic answers in ")
    assert second.endswith(" ms, 2 topics")
    assert asked == ["AllTraffic"]


@pytest.mark.parametrize(
    "mixtures",
    [
        ([0.25, 0.75], [0.5, 0.4], [1, 0]),
        ([0.25, 0.75], [-0.5, 1.5], [1, 0]),
        ([0.25, 0.75], [1], [1, 0]),
        ([], [], []),
    ],
)
def test_an_unexpected_response_fails(deployed: Account, invoke: Invoke, mixtures: tuple[list[float], ...]) -> None:
    deployed.serve(deployed.register())
    answer_with(deployed, *mixtures)
    result = invoke("check")
    assert result.exit_code == 1
    assert "Variant AllTraffic of endpoint topicsmith-dev returned invalid topic weights" in result.stderr
    assert "/aws/sagemaker/Endpoints/topicsmith-dev" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_before_the_first_approval_there_is_no_endpoint(invoke: Invoke) -> None:
    result = invoke("check")
    assert (result.exit_code, result.stdout) == (0, "dev is deployed. No model is served yet.\n")
    assert json.loads(invoke("check", "--json").stdout)["endpoint"] is None
    result = invoke("check", "--served")
    assert result.exit_code == 1
    assert "Nothing is served in dev" in result.stderr


def test_a_failed_endpoint_fails_the_check(deployed: Account, invoke: Invoke) -> None:
    deployed.serve(deployed.register(), status="Failed")
    result = invoke("check")
    assert result.exit_code == 1
    assert "does not answer: it is Failed" in result.stderr


@pytest.mark.usefixtures("account")
def test_an_undeployed_environment_fails_the_check(invoke: Invoke) -> None:
    result = invoke("check", "--env", "prod")
    assert result.exit_code == 1
    assert "No environment prod" in result.stderr
