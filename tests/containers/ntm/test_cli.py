import dataclasses
import inspect
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ntm import NeuralTopicModel, __version__, cli
from ntm.artifacts.artifacts import read_model
from ntm.commands.model import show_topics
from ntm.common.hyperparameters import RECOMMENDED, Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from tests.containers.ntm import planted, records
from tests.containers.ntm.jobs import dense

FILES = {"config.json", "model.onnx", "model.safetensors", "tokenizer.json", "topics.json", "vocab.txt"}
# Word 23 is "bbd", the fourth of the second topic. Common words begin with "ff".
VOCABULARY = [f"{2 * 'abcdef'[word // 20]}{chr(ord('a') + word % 20)}" for word in range(planted.FEATURE_DIM)]
QUICK = [
    *("--num-topics=5", "--batch-norm=true", "--encoder-layers=50", "--encoder-layers-activation=relu", "--epochs=12"),
    *("--learning-rate=0.01", "--mini-batch-size=64", "--optimizer=adam"),
]


def ntm(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], input=stdin)


def done(*arguments: object, stdin: bytes | None = None) -> Result:
    result = ntm(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def failed(*arguments: object, stdin: bytes | None = None) -> str:
    """Run a command that must fail and return its error message."""
    result = ntm(*arguments, stdin=stdin)
    assert result.exit_code == 1, result.output
    *_, line = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "Traceback" not in result.output
    return line


def refused(*arguments: object) -> str:
    """Run a command with invalid arguments and return its error message, without the box."""
    result = ntm(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.stderr.replace("│", " ").split())


def texts(bag: BagOfWords) -> str:
    """Return the documents as text, one per line."""
    lines = []
    for start, end in zip(bag.offsets, bag.offsets[1:], strict=False):
        words = np.repeat(bag.words[start:end], bag.counts[start:end].astype(int))
        lines.append(", ".join(VOCABULARY[word] for word in words).capitalize() + ".\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the same documents in each format."""
    folder = tmp_path_factory.mktemp("inputs")
    bag = planted.corpus(400, seed=0)[0]
    (folder / "docs.txt").write_text("The and 12!\n\n" + texts(bag))
    (folder / "more.txt").write_text(texts(planted.corpus(50, seed=1)[0]))
    (folder / "parts").mkdir()
    for number, part in enumerate((bag.rows(np.arange(100)), bag.rows(np.arange(100, 400)))):
        (folder / "parts" / f"{number}.pbr").write_bytes(records.sparse_file(dense(part)))
    (folder / "parts" / "_SUCCESS").touch()
    (folder / "empty").mkdir()
    (folder / "blank.txt").write_text("12\n")
    (folder / "several").mkdir()
    (folder / "several" / "a.txt").touch()
    (folder / "several" / "b.csv").touch()
    (folder / "notes").write_text("aaa\n")
    np.savetxt(folder / "docs.csv", dense(bag), fmt="%d", delimiter=",")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in VOCABULARY))
    return folder


@pytest.fixture(scope="module")
def model(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a model trained on texts."""
    out = tmp_path_factory.mktemp("models") / "deep" / "model"
    result = done(
        "train", "--train", inputs / "docs.txt", "--validation", inputs / "more.txt", "--test", inputs / "more.txt",
        "--out", out, *QUICK,
    )  # fmt: skip
    assert result.stdout == ""
    assert "train: 400 documents, 2 empty ones skipped\n" in result.stderr
    assert re.search(r"^Epoch 12/12: loss \d+\.\d{4}, validation \d+\.\d{4}, [\d,]+ documents/s", result.stderr, re.M)
    assert re.search(r"^Test loss: [34]\.\d{4} nats per word$", result.stderr, re.M)
    assert f"Show them: ntm topics {out}" in result.stderr
    return out


def test_texts_become_a_model(model: Path, inputs: Path) -> None:
    assert {path.name for path in model.iterdir()} == FILES
    assert sorted((model / "vocab.txt").read_text().split()) == sorted(VOCABULARY)
    found, reader = read_model(model)
    assert reader is not None
    assert found.num_topics == planted.TOPICS
    config = json.loads((model / "config.json").read_text())
    assert config["hyperparameters"]["learning_rate"] == 0.01
    assert config["training"]["documents"] == 400
    assert len(NeuralTopicModel.load(model).topics()) == planted.TOPICS


def test_topics_are_printed_as_a_table_and_as_json(model: Path) -> None:
    document = json.loads(done("topics", model, "--json").stdout)
    assert document == json.loads((model / "topics.json").read_text())
    owners = [{word[0] for word, _ in topic["words"][:10]} for topic in document["topics"]]
    assert sorted(map(sorted, owners)) == [["a"], ["b"], ["c"], ["d"], ["e"]]
    head, *rows, means = done("topics", model, "--words", 3).stdout.splitlines()
    assert head.split() == ["Topic", "Share", "NPMI", "Unique", "Words"]
    assert means.startswith(f"5 topics, mean NPMI {document['npmi']:.3f}")
    for row, topic in zip(rows, document["topics"], strict=True):
        assert row.split()[0] == str(topic["topic"])
        assert row.split()[4:] == [word for word, _ in topic["words"][:3]]


def test_transform_prints_the_topics_of_documents(model: Path, inputs: Path, tmp_path: Path) -> None:
    found, reader = read_model(model)
    assert reader is not None
    lines = (inputs / "more.txt").read_text()
    expected = found.topic_weights(reader.read(lines.splitlines()))
    answer = done("transform", model, inputs / "more.txt").stdout
    rows = [json.loads(line) for line in answer.splitlines()]
    assert all(set(row) == {"topic_weights"} for row in rows)
    np.testing.assert_allclose([row["topic_weights"] for row in rows], expected, atol=1e-6)
    assert done("transform", model, "-", stdin=lines.encode()).stdout == answer
    done("transform", model, inputs / "more.txt", "--out", tmp_path / "weights.jsonl")
    assert (tmp_path / "weights.jsonl").read_text() == answer

    blank = done("transform", model, "-", stdin="\ufeff\nunheard\n".encode()).stdout
    assert blank == 2 * (json.dumps({"topic_weights": 5 * [0.2]}) + "\n")


def test_top_prints_the_heaviest_topics_with_their_words(model: Path) -> None:
    documents = b"Cca ccb ccc ccd cce ccf ccg cch!\naaa aab aac aad aae aaf aag aah\n"
    first, second = done("transform", model, "-", "--top", 2, stdin=documents).stdout.splitlines()
    assert re.fullmatch(r"1: \d+% topic \d \((cc\w ){4}cc\w\), \d+% topic \d \(.*\)", first)
    assert re.fullmatch(r"2: \d+% topic \d \((aa\w ){4}aa\w\), \d+% topic \d \(.*\)", second)


def test_word_counts_in_either_format_give_the_same_model(inputs: Path, tmp_path: Path) -> None:
    short = [*QUICK, "--epochs", "2"]
    vocabulary = ("--vocab", inputs / "vocab.txt")
    done("train", "--train", inputs / "parts", *vocabulary, "--out", tmp_path / "pbr", *short)
    done("train", "--train", inputs / "docs.csv", *vocabulary, "--out", tmp_path / "csv", *short)
    done("train", "--train", inputs / "docs.csv", "--feature-dim", 120, "--out", tmp_path / "ids", *short)
    pbr, csv, ids = (tmp_path / name / "model.safetensors" for name in ("pbr", "csv", "ids"))
    assert pbr.read_bytes() == csv.read_bytes() == ids.read_bytes()
    assert {path.name for path in csv.parent.iterdir()} == FILES - {"tokenizer.json"}
    answer = done("transform", pbr.parent, inputs / "docs.csv").stdout
    assert len(answer.splitlines()) == 400
    weights = [
        [json.loads(line)["topic_weights"] for line in text.splitlines()]
        for text in (answer, done("transform", pbr.parent, inputs / "parts").stdout)
    ]
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-6)
    assert "word ids. To store the words with a model, pass --vocab" in done("topics", ids.parent).stderr
    assert not done("topics", csv.parent).stderr
    assert "Text needs a vocabulary (vocab.txt) and a tokenizer" in failed("transform", csv.parent, inputs / "docs.txt")
    other = [*short, "--seed", 1]
    done("train", "--train", inputs / "docs.csv", *vocabulary, "--out", tmp_path / "other", *other)
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != csv.read_bytes()


def test_every_hyperparameter_is_an_option_with_its_allowed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    output = done("train", "--help").stdout
    for field in dataclasses.fields(Hyperparameters):
        if field.name != "feature_dim":
            option = re.escape(f"--{field.name.replace('_', '-')} ")
            meaning = field.metadata["meaning"][1:]
            words = re.escape(f"{meaning}: {field.metadata['kind'].allowed}")
            assert re.search(rf"{option}.*{words}", output), field.name
    default = f"a number, 1e-06 to 1; default {RECOMMENDED['learning_rate']}."
    assert f"Learning rate, ignored by adadelta: {default}" in output


@pytest.mark.parametrize("arguments", [[], ["--help"], ["topics", "--help"], ["transform", "--help"]])
def test_help_shows_an_example(arguments: list[str]) -> None:
    assert "ntm to" in ntm(*arguments).output or "ntm transform model/ new.txt" in ntm(*arguments).output


@pytest.mark.parametrize(
    ("train", "others", "message"),
    [
        (
            "docs.txt",
            "--num-topics 1 --epochs 0",
            "epochs is '0'; allowed: an integer, at least 1. num_topics is '1'; allowed",
        ),
        (
            "notes",
            "",
            "notes has none of the extensions .pbr, .recordio, .rec, .csv, .txt. Rename it or pass",
        ),
        ("nowhere.txt", "", "nowhere.txt does not exist. Pass a file or a folder"),
        ("docs.txt", "--validation nowhere", "nowhere does not exist. Pass a file or a folder"),
        ("docs.csv", "", "docs.csv is read as word counts (text/csv)"),
        ("docs.csv", "", "Pass --vocab or --feature-dim for word counts. To train on text, pass a .txt file"),
        ("docs.csv", "--content-type text/plain --max-document-share 0", "The vocabulary is empty"),
        ("docs.csv", "--feature-dim 7", "docs.csv: Line 1 has 120 fields, but feature_dim is 7"),
        ("docs.csv", "--feature-dim 7 --vocab vocab.txt", "vocab.txt has 120 words, but feature_dim is 7"),
        ("docs.txt", "--vocab docs.txt", "Line 2 of vocab.txt is blank"),
        ("docs.txt", "--tokenizer vocab.txt", "tokenizer.json is not a tokenizer of version 1"),
        ("docs.txt", "--content-type image/png", "Content type 'image/png' is unknown; allowed: appl"),
        ("docs.txt", "--min-document-frequency 999", "The vocabulary is empty: none of the 12"),
        ("docs.txt", "--validation blank.txt", "No document of --validation contains a word"),
        ("parts/0.pbr", "--content-type text/plain", "0.pbr, line 2, is not UTF-8"),
        ("several", "", "several has files of several types: text/csv, text/plain. Pass files of one type."),
        ("empty", "", "empty has no files."),
        ("-", "", "cannot use stdin (-). Pass a file."),
    ],
)
def test_unusable_training_data_is_rejected(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str, others: str, message: str
) -> None:
    monkeypatch.chdir(inputs)
    arguments = ["--train", train, "--num-topics", "2", *others.split()]
    assert message in failed("train", "--out", tmp_path / "new" / "model", *arguments)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --train docs.txt --vocab nowhere --out new", "'--vocab': file 'nowhere' does not exist."),
        ("train --train docs.txt --tokenizer parts --out new", "'--tokenizer': file 'parts' is a directory."),
        ("train --train docs.txt --word-vectors parts --out new", "'--word-vectors': file 'parts' is a directory."),
        ("topics nowhere", "'MODEL': dir 'nowhere' does not exist."),
        ("topics docs.txt", "'MODEL': dir 'docs.txt' is a file."),
        ("transform parts docs.txt --out parts", "'--out': file 'parts' is a directory."),
    ],
)
def test_a_wrong_path_is_a_usage_error(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(inputs)
    assert message.lower() in refused(*arguments.split()).lower()
    assert not (inputs / "new").exists()


def test_the_version() -> None:
    assert done("--version").stdout == f"ntm {__version__}\n"


def test_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NTM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "ntm train --min")
    monkeypatch.setenv("COMP_CWORD", "2")
    completed = CliRunner().invoke(cli.app, prog_name="ntm").stdout.split()
    assert {"--min-document-frequency", "--min-word-length"} <= set(completed)


def test_topics_fit_a_narrow_terminal(model: Path) -> None:
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ntm.commands.console._WIDTH_OF_A_PIPE", 44)
        patch.setattr(sys, "stdout", printed)
        show_topics(model)
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= 44
    assert "…" not in printed.getvalue()


def test_a_closed_pipe_is_not_an_error(model: Path, inputs: Path) -> None:
    command = [sys.executable, "-m", "ntm", "transform", model, inputs / "docs.txt"]
    environ = os.environ | {"PYTHONPATH": str(Path(inspect.getfile(cli)).parents[1])}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_unwritable_output_is_an_error(model: Path, inputs: Path, tmp_path: Path) -> None:
    message = failed("transform", model, inputs / "more.txt", "--out", tmp_path / "nowhere" / "weights.jsonl")
    assert f"Cannot write {tmp_path}/nowhere/weights.jsonl: {tmp_path}/nowhere is not a directory" in message


def test_a_directory_without_a_model_is_rejected(inputs: Path, tmp_path: Path) -> None:
    for command in (("topics", inputs), ("transform", inputs, inputs / "more.txt")):
        message = failed(*command)
        assert f"There is no usable model in {inputs}: it has no config.json and no model.safetensors" in message
    out = tmp_path / "weights.jsonl"
    assert "There is no usable model" in failed("transform", tmp_path, inputs / "more.txt", "--out", out)
    assert not list(tmp_path.iterdir())


def test_an_output_file_is_complete_or_absent(model: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_bytes(b"aaa\n" * 2000 + b"\xff\n")
    out = tmp_path / "weights.jsonl"
    out.write_text("of last week")
    message = failed("transform", model, tmp_path / "new.txt", "--out", out)
    assert "new.txt, line 2001, is not UTF-8" in message
    assert out.read_text() == "of last week"
    assert {path.name for path in tmp_path.iterdir()} == {"new.txt", "weights.jsonl"}


def test_a_directory_in_use_is_not_overwritten_unless_forced(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "tokenizer.json").write_text("of an older model")
    train = ("train", "--train", inputs / "docs.csv", "--feature-dim", 120, "--out", tmp_path, *QUICK, "--epochs", 1)
    assert f"{tmp_path} is not empty. Choose another directory or replace" in failed(*train)
    done(*train, "--force")
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"tokenizer.json", "vocab.txt"} | {"notes.md"}
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert "notes.md is not a directory. Choose" in failed(*train, "--out", tmp_path / "notes.md" / "model")


def test_an_interrupted_training_leaves_no_files(inputs: Path, tmp_path: Path) -> None:
    command = ["-m", "ntm", "train", "--train", inputs / "docs.txt", "--out", tmp_path / "model", *QUICK]
    with subprocess.Popen(
        [sys.executable, *command, "--epochs", "100000"],
        env=os.environ | {"PYTHONPATH": str(Path(inspect.getfile(cli)).parents[1]), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        assert training.stderr is not None
        next(line for line in training.stderr if line.startswith("Epoch 1/"))
        # Handled like Ctrl-C.
        training.terminate()
        *_, last = training.stderr.read().splitlines()
    assert last == "Interrupted."
    assert training.returncode == 130
    assert not list(tmp_path.iterdir())
