import contextlib
import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ntm.artifacts.artifacts import read_model
from ntm.training import job
from tests.containers.ntm import jobs, planted, records


def failure(base: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a job that must fail, in this process, and return its failure reason."""
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
    # Vectors of a topic's words have a similar direction.
    vectors = [np.eye(6)[word // planted.WORDS] + 0.1 * np.eye(6)[word % 6] for word in range(planted.FEATURE_DIM)]
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(jobs.VOCABULARY, vectors, strict=True)]
    (base / "input" / "data" / "auxiliary" / "vectors.txt").write_text("the 1 1 1 1 1 1\n" + "".join(lines))
    process = jobs.start("train", base)
    log, _ = process.communicate(timeout=900)
    assert process.returncode == 0, log
    assert not (base / "output" / "failure").exists()
    files = {"config.json", "model.onnx", "model.safetensors", "tokenizer.json", "topics.json", "vocab.txt"}
    assert {path.name for path in (base / "model").iterdir()} == files
    auxiliary = base / "input" / "data" / "auxiliary"
    for name in ("vocab.txt", "tokenizer.json"):
        assert (base / "model" / name).read_bytes() == (auxiliary / name).read_bytes()

    topics = json.loads((base / "model" / "topics.json").read_text())
    assert topics["num_topics"] == len(topics["topics"]) == planted.TOPICS
    assert topics["npmi"] > 0.5
    assert topics["topic_uniqueness"] > 0.9
    assert topics["wetc"] > 0.9
    shares = [topic["share"] for topic in topics["topics"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert all(len(topic["words"]) == 20 for topic in topics["topics"])
    owners = [{word[0] for word, _ in topic["words"][:10]} for topic in topics["topics"]]
    assert sorted(map(sorted, owners)) == [["a"], ["b"], ["c"], ["d"], ["e"]]

    # A document of one topic's words gets that topic, in the order of topics.json.
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
            "npmi_tu": r"#quality_metric: host=\S+, epoch=\S+, validation npmi_tu <score>=(\S+)",
            "wetc": r"#quality_metric: host=\S+, epoch=\S+, validation wetc <score>=(\S+)",
            "best": r"Best model based on early stopping at epoch \d+\. Best loss: (\S+)",
        }.items()
    }
    assert len(metric["train"]) >= 10
    # For the tuning job: one per epoch; the last one is the best model's.
    assert len(metric["validation"]) == len(metric["train"])
    assert metric["best"] == metric["validation"][-1:]
    assert metric["test"][0] == pytest.approx(metric["validation"][-1], rel=0.05)
    assert metric["npmi"] == [pytest.approx(topics["npmi"], abs=1e-6)]
    assert metric["tu"] == [pytest.approx(topics["topic_uniqueness"], abs=1e-6)]
    assert metric["npmi_tu"] == [pytest.approx(metric["npmi"][0] * metric["tu"][0])]
    assert metric["wetc"] == [pytest.approx(topics["wetc"], abs=1e-6)]
    heading = lines.index(
        f"Topics from epoch:final (num_topics:5) [wetc {topics['wetc']:.2f}, tu {topics['topic_uniqueness']:.2f}]:"
    )
    for topic, line in zip(topics["topics"], lines[heading + 1 :], strict=True):
        words = " ".join(word for word, _ in topic["words"])
        assert line == f"[{topic['wetc']:.2f}, {topic['topic_uniqueness']:.2f}] {words}"


@pytest.mark.parametrize(
    ("objective", "name", "times"),
    [
        (None, "total_loss <loss>", 0),
        ("validation:wetc", "npmi <score>", 0),
        ("train:npmi", "npmi <score>", 0),
        ("validation:npmi", "npmi <score>", 3),
        ("validation:tu", "tu <score>", 3),
        ("validation:npmi_tu", "npmi_tu <score>", 3),
    ],
)
def test_the_metric_of_a_tuning_job_is_logged_during_training(
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    objective: str | None,
    name: str,
    times: int,
) -> None:
    hyperparameters = {**jobs.HYPERPARAMETERS, "epochs": "8", "num_patience_epochs": "100"}
    del hyperparameters["_tuning_objective_metric"]
    if objective:
        hyperparameters["_tuning_objective_metric"] = objective
    jobs.write_config(base, "hyperparameters", hyperparameters)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    with caplog.at_level("INFO"):
        job.run(lambda: False)
    found = re.findall(rf"#quality_metric: host=algo-1, epoch=(\d+), validation {re.escape(name)}=(\S+)", caplog.text)
    # And once for the final model, whatever the objective.
    assert [int(epoch) for epoch, _ in found] == [*range(2, 2 * times + 1, 2), 8]
    values = [float(value) for _, value in found]
    if times:
        assert values[-1] == pytest.approx(values[-2], abs=0.1)
        assert values[-1] > values[0] - 0.05


LONG = jobs.HYPERPARAMETERS | {"epochs": "20", "mini_batch_size": "20", "num_patience_epochs": "100"}


@pytest.mark.parametrize(
    ("objective", "end"), [("topics", signal.SIGKILL), ("elbo", signal.SIGKILL), ("topics", signal.SIGTERM)]
)
def test_an_interrupted_job_resumes_to_the_same_model(
    objective: str, end: signal.Signals, base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.write_config(base, "hyperparameters", LONG | {"objective": objective})
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    job.run(lambda: False)
    expected = (base / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(base / "model")

    (base / "checkpoints").mkdir()
    # SIGTERM saves one regardless of the interval.
    process = jobs.start("train", base, NTM_CHECKPOINT_SECONDS="0" if end == signal.SIGKILL else "1e6")
    assert process.stdout is not None
    while "completed 60.0 % of epochs" not in (line := process.stdout.readline()):
        assert line, "the job ended before its time"
    process.send_signal(end)
    log, _ = process.communicate(timeout=900)
    if end == signal.SIGTERM:
        assert process.returncode == 0, log
        assert "Training was asked to stop" in log
        assert read_model(base / "model")[0].num_topics == planted.TOPICS
        assert (base / "model" / "model.safetensors").read_bytes() != expected
    else:
        assert process.returncode == -signal.SIGKILL, log
        assert not list(base.glob("model/*"))

    with caplog.at_level("INFO"):
        job.run(lambda: False)
    assert "Resuming from the checkpoint" in caplog.text
    assert (base / "model" / "model.safetensors").read_bytes() == expected


def test_a_job_rejects_a_foreign_or_damaged_checkpoint(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setenv("NTM_CHECKPOINT_SECONDS", "0")
    (base / "checkpoints").mkdir()
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "1"})
    job.run(lambda: False)
    shutil.rmtree(base / "model")
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "2"})
    assert "to another job: epochs was 1 and is 2. Give this job a CheckpointConfig" in failure(base, monkeypatch)
    checkpoint = base / "checkpoints" / "checkpoint-algo-1.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert "The checkpoint checkpoint-algo-1.pt cannot be read: " in failure(base, monkeypatch)


def test_jobs_of_a_tuning_job_can_share_a_checkpoint_location(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setenv("NTM_CHECKPOINT_SECONDS", "0")
    (base / "checkpoints").mkdir()
    for name, epochs in (("first", "1"), ("second", "2")):
        monkeypatch.setenv("TRAINING_JOB_NAME", name)
        tuned = {"epochs": epochs, "_tuning_objective_metric": "validation:npmi"}
        jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | tuned)
        job.run(lambda: False)
    assert sorted(path.parent.name for path in base.glob("checkpoints/**/*.pt")) == ["first", "second"]


def free_port() -> int:
    """Return a free port outside the ephemeral range that no other test gets."""
    for port in range(20_000 + os.getpid() % 10_000, 32_768):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def start_hosts(bases: dict[str, Path]) -> list[str]:
    """Run a job of several hosts to its end and return their logs; logs of failed hosts are marked."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [jobs.start("train", base, **meeting) for base in bases.values()]
    logs = [process.communicate(timeout=900)[0] for process in processes]
    return [f"FAILED {log}" if process.returncode else log for process, log in zip(processes, logs, strict=True)]


@pytest.mark.parametrize("first", [300, 400])
def test_two_hosts_train_one_model(first: int, tmp_path: Path) -> None:
    documents = planted.corpus(400, 0)[0]
    bases = {"algo-1": tmp_path / "1", "algo-2": tmp_path / "2"}
    jobs.lay_out_shards(bases, [documents.part(0, first), documents.part(first, 400)], jobs.HYPERPARAMETERS)
    logs = start_hosts(bases)
    assert not any(log.startswith("FAILED") for log in logs), "\n".join(logs)
    assert not (bases["algo-2"] / "model").exists()
    topics = json.loads((bases["algo-1"] / "model" / "topics.json").read_text())
    owners = [{word[0] for word, _ in topic["words"][:10]} for topic in topics["topics"]]
    assert sorted(map(sorted, owners)) == [["a"], ["b"], ["c"], ["d"], ["e"]]
    config = json.loads((bases["algo-1"] / "model" / "config.json").read_text())
    assert config["training"]["documents"] == 400
    pattern = r"host=(\S+), epoch=\d+, validation total_loss <loss>=(\S+)"
    (one, losses), (two, same) = (zip(*re.findall(pattern, log), strict=True) for log in logs)
    assert (set(one), set(two)) == ({"algo-1"}, {"algo-2"})
    assert losses == same
    # Expected result of a single host with these documents.
    assert float(losses[-1]) == pytest.approx(4.056, rel=0.02)


def test_a_failed_host_ends_the_others(tmp_path: Path) -> None:
    documents = planted.corpus(400, 0)[0]
    bases = {"algo-1": tmp_path / "1", "algo-2": tmp_path / "2"}
    jobs.lay_out_shards(bases, [documents.part(0, 200), documents.part(200, 400)], jobs.HYPERPARAMETERS)
    (bases["algo-1"] / TRAIN_FILE).write_bytes(b"PK\3\4 not records")
    assert all(log.startswith("FAILED") for log in start_hosts(bases))
    reasons = {host: (base / "output" / "failure").read_text() for host, base in bases.items()}
    assert "Channel train, file part-00000.pbr: Record 1 does not begin" in reasons["algo-1"]
    assert reasons["algo-2"] == "Another host of the job failed; see its log and its failure reason."
    assert not any((base / "model").exists() for base in bases.values())


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
        (_configure("inputdataconfig", train=None), "There is no train channel"),
        (_configure("inputdataconfig", tests={}), "Channel tests is unknown; allowed: train, validation, test"),
        (_configure("inputdataconfig", train={"TrainingInputMode": "Pipe"}), "in Pipe mode, but the pipe"),
        (
            _configure("inputdataconfig", train={"ContentType": "image/png"}),
            "Channel train has content type 'image/png'",
        ),
        (
            _configure("resourceconfig", hosts=["algo-2", "algo-3"]),
            "algo-1, which is not among hosts: algo-2",
        ),
        (_configure("hyperparameters", num_topics="1"), "num_topics is '1'; allowed: an integer, 2 to 1000"),
        (_configure("hyperparameters", feature_dim="119"), "vocab.txt has 120 words, but feature_dim is 119"),
        (_configure("hyperparameters", momentum="0.9"), "momentum is not a hyperparameter"),
        (_remove("input/config/hyperparameters.json"), "hyperparameters.json is missing"),
        (_write("input/config/hyperparameters.json", b"{"), "hyperparameters.json is not JSON"),
        (_write("input/config/resourceconfig.json", b"[]"), "resourceconfig.json is not a JSON object"),
        (_remove(TRAIN_FILE), "Channel train has no files: its S3 prefix is empty or wrong"),
        (_remove("input/data/train"), "Channel train has no files"),
        (_write(TRAIN_FILE, b""), "No document of channel train contains a word of the vocabulary"),
        (_write(TRAIN_FILE, EMPTY_DOCUMENTS), "No document of channel train contains a word of the vocabulary"),
        (_write(TRAIN_FILE, b"PK\3\4 not records"), "Channel train, file part-00000.pbr: Record 1 does not begin"),
        (_write("input/data/auxiliary/vocab.txt", b"\xff"), "vocab.txt is not UTF-8"),
        (_write("input/data/auxiliary/tokenizer.json", b"{}"), "tokenizer.json is not a tokenizer of version 1"),
        (_write("input/data/auxiliary/vectors.txt", b"a0 1 x\n"), "vectors.txt, line 1, is b'a0 1 x\\n'; expected"),
    ],
)
def test_the_failure_file_contains_the_reason(
    spoil: Callable[[Path], object], reason: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(base)
    text = failure(base, monkeypatch)
    assert reason in text
    assert "Traceback" not in text


@pytest.mark.parametrize("seconds", ["often", "-1", "nan", ""])
def test_the_checkpoint_interval_must_be_a_number(seconds: str, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTM_CHECKPOINT_SECONDS", seconds)
    assert f"NTM_CHECKPOINT_SECONDS is {seconds!r}; allowed: a number of seconds" in failure(base, monkeypatch)


def test_unexpected_errors_are_reported_as_internal(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file in place of the model directory.
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "1"})
    (base / "model").write_bytes(b"")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert job.main() == 1
    assert (base / "output" / "failure").read_text().startswith("Internal error: FileExistsError(")


def test_empty_validation_and_test_channels_count_as_missing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    jobs.write_config(base, "hyperparameters", jobs.HYPERPARAMETERS | {"epochs": "1"})
    (base / "input/data/validation/part-00000.pbr").write_bytes(b"")
    (base / "input/data/test/part-00000.pbr").write_bytes(EMPTY_DOCUMENTS)
    job.run(lambda: False)
    assert json.loads((base / "model" / "config.json").read_text())["training"]["epochs"] == 1
