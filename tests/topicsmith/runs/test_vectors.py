"""The ``vectors`` command."""

import json
from pathlib import Path

import pytest

from tests.topicsmith.account import Account, Invoke


def line(name: str, *weights: float) -> bytes:
    vector = {"id": name, "SageMakerOutput": {"topic_weights": weights}}
    return json.dumps(vector, ensure_ascii=False).encode() + b"\n"


def vectorized(account: Account, parts: dict[str, bytes], status: str = "Succeeded") -> str:
    """Create a run with vectors and return its id."""
    account.steps = [[{"StepName": "Vectorize", "StepStatus": status, "Metadata": account.vectorize(parts)}]]
    return account.start()


def test_vectors_come_in_the_order_of_the_documents(deployed: Account, invoke: Invoke, tmp_path: Path) -> None:
    run_id = vectorized(
        deployed,
        {
            "part-00001.jsonl.out": line("c", 0.5, 0.5),
            "part-00000.jsonl.out": line("Ü\u2028", 0.25, 0.75) + line("b", 1, 0),
        },
    )
    file = tmp_path / "vectors.jsonl"

    result = invoke("vectors", run_id, "--out", str(file), "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["documents"] == 3
    assert [json.loads(text) for text in file.read_text().split("\n")[:-1]] == [
        {"id": "Ü\u2028", "topic_weights": [0.25, 0.75]},
        {"id": "b", "topic_weights": [1, 0]},
        {"id": "c", "topic_weights": [0.5, 0.5]},
    ]
    assert "Wrote the vectors of 3 documents to" in invoke("vectors", run_id, "--out", str(file)).stdout


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "There are no vectors under s3://topicsmith-dev-data/vectors/r"),
        ({"p.out": line("a", 1.0) + b"half a li"}, "/p.out, line 2 is not a document vector: b'half a li'"),
        ({"p.out": b'{"id": "a", "SageMakerOutput": {}}'}, "/p.out, line 1 is not a document vector"),
    ],
)
def test_an_invalid_vector_is_an_error_and_writes_nothing(
    deployed: Account, invoke: Invoke, tmp_path: Path, parts: dict[str, bytes], reason: str
) -> None:
    result = invoke("vectors", vectorized(deployed, parts), "--out", str(tmp_path / "vectors.jsonl"))
    assert result.exit_code == 1
    assert reason in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_path_is_an_error(deployed: Account, invoke: Invoke, tmp_path: Path) -> None:
    run_id = vectorized(deployed, {"p.out": line("a", 1.0)})
    result = invoke("vectors", run_id, "--out", str(tmp_path / "none" / "v.jsonl"))
    assert result.exit_code == 1
    assert "v.jsonl cannot be written: No such file or directory." in result.stderr


def test_unfinished_vectors_are_an_error(deployed: Account, invoke: Invoke, tmp_path: Path) -> None:
    run_id = vectorized(deployed, {"p.out": line("a", 1.0)}, "Executing")
    result = invoke("vectors", run_id, "--out", str(tmp_path / "v.jsonl"))
    assert result.exit_code == 1
    assert f"Step Vectorize of run {run_id} is Executing." in result.stderr
