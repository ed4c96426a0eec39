import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ntm import job
from ntm.artifacts import read_model
from tests.unit.ntm import jobs, planted, records


def failure(base: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a job that must fail in this process; return the reason that SageMaker would show."""
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert job.main() == 1
    assert not (base / "model").exists() or not list((base / "model").iterdir())
    return (base / "output" / "failure").read_text()


@pytest.fixture
def base(tmp_path: Path, laid_out: Path) -> Path:
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("job")
    jobs.lay_out(base)
    return base


def test_a_job_leaves_a_model_that_serving_can_load(base: Path) -> None:
    process = jobs.start("train", base)
    log, _ = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert not (base / "output" / "failure").exists()
    files = {"config.json", "model.safetensors", "tokenizer.json", "topics.json", "vocab.txt"}
    assert {path.name for path in (base / "model").iterdir()} == files
    auxiliary = base / "input" / "data" / "auxiliary"
    for name in ("vocab.txt", "tokenizer.json"):
        assert (base / "model" / name).read_bytes() == (auxiliary / name).read_bytes()

    topics = json.loads((base / "model" / "topics.json").read_text())
    assert topics["num_topics"] == len(topics["topics"]) == planted.TOPICS
    assert topics["npmi"] > 0.5
    assert topics["topic_uniqueness"] > 0.9
    shares = [topic["share"] for topic in topics["topics"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert all(len(topic["words"]) == 20 for topic in topics["topics"])
    owners = [{word[0] for word, _ in topic["words"][:10]} for topic in topics["topics"]]
    assert sorted(map(sorted, owners)) == [["a"], ["b"], ["c"], ["d"], ["e"]]

    # A document of one topic's words weighs on that topic, in the order of topics.json.
    model, reader = read_model(base / "model")
    assert reader is not None
    texts = [" ".join(word for word, _ in topic["words"][:10]) for topic in topics["topics"]]
    assert model.topic_weights(reader.read(texts)).argmax(axis=1).tolist() == list(range(planted.TOPICS))

    lines = [re.sub(r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] ", "", line) for line in log.splitlines()]
    metric = {
        name: [float(found[1]) for line in lines if (found := re.fullmatch(pattern, line))]
        for name, pattern in {
            "train": r"#quality_metric: host=\S+, epoch=\S+, train total_loss <loss>=(\S+)",
            "validation": r"#quality_metric: host=\S+, epoch=\S+, validation total_loss <loss>=(\S+)",
            "test": r"#quality_metric: host=\S+, epoch=\S+, test total_loss <loss>=(\S+)",
            "npmi": r"#quality_metric: host=\S+, epoch=\S+, validation npmi <score>=(\S+)",
            "tu": r"#quality_metric: host=\S+, epoch=\S+, validation tu <score>=(\S+)",
            "best": r"Best model based on early stopping at epoch \d+\. Best loss: (\S+)",
        }.items()
    }
    assert len(metric["train"]) >= 10
    assert metric["best"] == metric["validation"]
    assert metric["test"][0] == pytest.approx(metric["validation"][0], rel=0.05)
    assert metric["npmi"] == [pytest.approx(topics["npmi"], abs=1e-6)]
    assert metric["tu"] == [pytest.approx(topics["topic_uniqueness"], abs=1e-6)]
    heading = lines.index(
        f"Topics from epoch:final (num_topics:5) [npmi {topics['npmi']:.2f}, tu {topics['topic_uniqueness']:.2f}]:"
    )
    for topic, line in zip(topics["topics"], lines[heading + 1 :], strict=True):
        words = " ".join(word for word, _ in topic["words"])
        assert line == f"[{topic['npmi']:.2f}, {topic['topic_uniqueness']:.2f}] {words}"


def test_sigterm_ends_training_with_a_model(base: Path) -> None:
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "100000"})
    process = jobs.start("train", base)
    assert process.stdout is not None
    while "#validation_score (2)" not in (line := process.stdout.readline()):
        assert line, "the job ended before its second epoch"
    process.terminate()
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert "Training was asked to stop" in log
    assert read_model(base / "model")[0].num_topics == planted.TOPICS


def test_without_the_optional_channels_words_are_ids(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    shutil.rmtree(base / "input" / "data" / "auxiliary")
    jobs.write_config(base, "inputdataconfig", {"train": {"ContentType": jobs.RECORDIO}})
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "2"})
    job.run(lambda: False)
    topics = json.loads((base / "model" / "topics.json").read_text())
    assert all(0 <= int(word) < planted.FEATURE_DIM for topic in topics["topics"] for word, _ in topic["words"])
    assert read_model(base / "model")[1] is None


def test_the_same_job_gives_the_same_bytes(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "2"})
    results = []
    for _ in range(2):
        job.run(lambda: False)
        results.append({path.name: path.read_bytes() for path in (base / "model").iterdir()})
        shutil.rmtree(base / "model")
    assert results[0] == results[1]


def _remove(path: str) -> Callable[[Path], None]:
    return lambda base: shutil.rmtree(base / path) if (base / path).is_dir() else (base / path).unlink()


def _write(path: str, content: bytes) -> Callable[[Path], object]:
    return lambda base: (base / path).write_bytes(content)


def _configure(name: str, **changes: object) -> Callable[[Path], None]:
    def change(base: Path) -> None:
        content = json.loads((base / "input" / "config" / f"{name}.json").read_text())
        content |= changes
        jobs.write_config(base, name, {key: value for key, value in content.items() if value is not None})

    return change


TRAIN_FILE = "input/data/train/part-00000.pbr"
EMPTY_DOCUMENTS = records.sparse_file(np.zeros((3, planted.FEATURE_DIM), np.float32))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_configure("inputdataconfig", train=None), "There is no channel train; it is required"),
        (_configure("inputdataconfig", tests={}), "Channel tests is not known; allowed: train, validation, test"),
        (_configure("inputdataconfig", train={"TrainingInputMode": "Pipe"}), "Channel train is in mode Pipe; allowed"),
        (
            _configure("inputdataconfig", train={"ContentType": "image/png"}),
            "Channel train has content type 'image/png'",
        ),
        (_configure("resourceconfig", hosts=["algo-1", "algo-2"]), "The job has 2 hosts; this image trains on one"),
        (_configure("hyperparameters", num_topics="1"), "num_topics is '1'; allowed: an integer, 2 to 1000"),
        (_configure("hyperparameters", feature_dim="119"), "vocab.txt has 120 words; feature_dim is 119"),
        (_configure("hyperparameters", momentum="0.9"), "momentum is not a hyperparameter"),
        (_remove("input/config/hyperparameters.json"), "hyperparameters.json is missing"),
        (_write("input/config/hyperparameters.json", b"{"), "hyperparameters.json is not JSON"),
        (_write("input/config/resourceconfig.json", b"[]"), "resourceconfig.json is not a JSON object"),
        (_remove(TRAIN_FILE), "Channel train has no file: its S3 prefix is empty or wrong"),
        (_remove("input/data/train"), "Channel train has no file"),
        (_write(TRAIN_FILE, b""), "Channel train has no document with a word of the vocabulary"),
        (_write(TRAIN_FILE, EMPTY_DOCUMENTS), "Channel train has no document with a word of the vocabulary"),
        (_write(TRAIN_FILE, b"PK\3\4 not records"), "Channel train, file part-00000.pbr: Record 1 does not begin"),
        (_write("input/data/auxiliary/vocab.txt", b"\xff"), "vocab.txt is not UTF-8"),
        (_write("input/data/auxiliary/tokenizer.json", b"{}"), "tokenizer.json is not a tokenizer of version 1"),
    ],
)
def test_the_failure_file_says_what_is_wrong(
    spoil: Callable[[Path], object], reason: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(base)
    text = failure(base, monkeypatch)
    assert reason in text
    assert "Traceback" not in text


def test_a_fault_of_ours_is_told_as_such(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No model can be written where a file is in the way.
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "1"})
    (base / "model").write_bytes(b"")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert job.main() == 1
    assert (base / "output" / "failure").read_text().startswith("Internal error: FileExistsError(")


def test_empty_validation_and_test_channels_are_as_none(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "1"})
    (base / "input/data/validation/part-00000.pbr").write_bytes(b"")
    (base / "input/data/test/part-00000.pbr").write_bytes(EMPTY_DOCUMENTS)
    job.run(lambda: False)
    assert json.loads((base / "model" / "config.json").read_text())["training"]["epochs"] == 1
