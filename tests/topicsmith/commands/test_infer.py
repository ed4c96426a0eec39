"""The ``infer`` command: sources of texts and output files."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from tests.topicsmith.account import Account, Invoke
from topicsmith.core import environment
from topicsmith.core.aws import Clients

MIXTURE = [0.25, 0.75]


@pytest.fixture
def served(deployed: Account) -> Account:
    """An endpoint that answers requests with any number of texts."""
    deployed.serve(deployed.register())

    def answer(response: SageMakerRuntimeResponse) -> tuple[int, dict[str, str], str]:
        prediction: dict[str, Any] = {"topic_weights": MIXTURE}
        if "topics=" in response.headers["Accept"]:
            prediction["topics"] = [{"topic": 1, "weight": 0.75, "words": ["video0", "video1"]}]
        predictions = [prediction] * len(json.loads(response.body)["instances"])
        return 200, {"content-type": "application/json"}, json.dumps({"predictions": predictions})

    deployed.monkeypatch.setattr(SageMakerRuntimeResponse, "invoke_endpoint", answer)
    return deployed


def rows(text: str) -> list[tuple[str, list[float]]]:
    return [(row["id"], row["topic_weights"]) for row in map(json.loads, text.splitlines())]


def written(path: Path, content: str) -> str:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return str(path)


@pytest.mark.usefixtures("served")
def test_lines_of_stdin_are_named_by_their_numbers(invoke: Invoke) -> None:
    result = invoke("infer", "-", "--jsonl", stdin="first\n\n  third \n")
    assert result.exit_code == 0, result.output
    assert rows(result.stdout) == [("1", MIXTURE), ("3", MIXTURE)]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", ["texts.txt", "texts.txt.gz"])
def test_a_text_file_has_one_text_per_line(invoke: Invoke, tmp_path: Path, name: str) -> None:
    result = invoke("infer", "--file", written(tmp_path / name, "first\n\nthird\n"), "--jsonl")
    assert result.exit_code == 0, result.output
    assert rows(result.stdout) == [("1", MIXTURE), ("3", MIXTURE)]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reviews.csv", "key,title,body\na,The,harbour\nb,,\n,A,vessel\n"),
        (
            "reviews.jsonl.gz",
            '{"key": "a", "title": "The", "body": "harbour"}\n{"key": "b"}\n{"title": "A", "body": "vessel"}\n',
        ),
    ],
)
def test_a_corpus_has_text_columns_and_an_optional_id_column(
    invoke: Invoke, tmp_path: Path, name: str, content: str
) -> None:
    path = written(tmp_path / name, content)
    result = invoke("infer", "--file", path, "--text", "title,body", "--id", "key", "--json")
    assert result.exit_code == 0, result.output
    predictions = json.loads(result.stdout)["predictions"]
    assert [(one["id"], one["text"]) for one in predictions] == [("a", "The harbour"), ("3", "A vessel")]


@pytest.mark.usefixtures("served")
def test_results_of_many_texts_are_written_to_one_file(invoke: Invoke, tmp_path: Path) -> None:
    path = written(tmp_path / "many.txt", "".join(f"text {number}\n" for number in range(1, 501)))
    out = tmp_path / "topics.jsonl"
    result = invoke("infer", "--file", path, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "Wrote the topic weights of 500 texts to" in result.stdout
    assert rows(out.read_text()) == [(str(number), MIXTURE) for number in range(1, 501)]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["many.txt", "topics.jsonl"]


def test_no_partial_file_is_written(served: Account, invoke: Invoke, tmp_path: Path) -> None:
    answers = SageMakerRuntimeResponse.invoke_endpoint

    def refuse_the_second(response: SageMakerRuntimeResponse) -> Any:
        if "text 201" in response.body:
            raise JsonRESTError("ValidationError", "no")
        return answers(response)

    served.monkeypatch.setattr(SageMakerRuntimeResponse, "invoke_endpoint", refuse_the_second)
    path = written(tmp_path / "many.txt", "".join(f"text {number}\n" for number in range(1, 301)))
    result = invoke("infer", "--file", path, "--out", str(tmp_path / "topics.jsonl"))
    assert result.exit_code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["many.txt"]


@pytest.mark.usefixtures("served")
def test_an_unwritable_path_is_an_error(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("infer", "text", "--out", str(tmp_path / "missing" / "topics.jsonl"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no text was given"),
        (("text", "--file", "texts.txt"), "specify either texts or --file, not both"),
        (("text", "--json", "--jsonl"), "mutually exclusive"),
        (("text", "--jsonl", "--out", "x.jsonl"), "mutually exclusive"),
    ],
)
def test_wrong_usage(invoke: Invoke, arguments: tuple[str, ...], says: str) -> None:
    result = invoke("infer", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("texts.pdf", "x", "its name must end in .txt, .txt.gz, .csv"),
        ("texts.txt", "\n\n", "contains no text"),
        ("reviews.csv", "title\nx\n", "has no column text. Its columns: title."),
    ],
)
def test_a_file_without_texts_is_an_error(invoke: Invoke, tmp_path: Path, name: str, content: str, says: str) -> None:
    result = invoke("infer", "--file", written(tmp_path / name, content))
    assert result.exit_code == 1
    assert says in result.stderr


def test_a_missing_or_damaged_file_is_an_error(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"text\n" * 1000)[:30])
    assert "is not a complete gzip file" in invoke("infer", "--file", str(tmp_path / "cut.txt.gz")).stderr
    assert "cannot be read: No such file" in invoke("infer", "--file", str(tmp_path / "gone.txt")).stderr


def test_an_unknown_variant_names_the_existing_ones(served: Account, invoke: Invoke) -> None:
    served.refuse_invocations()
    result = invoke("infer", "text", "--variant", "Other")
    assert result.exit_code == 1
    assert "Endpoint topicsmith-dev has no variant Other. Its variants: AllTraffic." in result.stderr


def test_permission_to_invoke_is_enough(served: Account, invoke: Invoke) -> None:
    def deny(*_: object) -> None:
        message = "User: caller is not authorized to perform: cloudformation:DescribeStacks"
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "DescribeStacks")

    served.monkeypatch.setattr(environment, "load", deny)
    served.monkeypatch.setattr(Clients, "sagemaker", property(deny))
    assert rows(invoke("infer", "text", "--jsonl").stdout) == [("1", MIXTURE)]
    result = invoke("infer", "text")
    assert result.exit_code == 0
    assert "topic 1   video0 video1" in result.stdout
