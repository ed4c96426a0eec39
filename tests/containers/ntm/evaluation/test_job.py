"""Complete evaluations, as run by the processing job."""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ntm.evaluation import job
from tests.containers.ntm import jobs, planted
from tests.containers.ntm.evaluation import inputs
from tests.containers.ntm.evaluation.mxnet import saved

METRICS = {
    "npmi", "npmi_train", "c_v", "topic_uniqueness", "topic_uniqueness_10", "topic_diversity", "perplexity",
}  # fmt: skip


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("evaluation")
    inputs.lay_out(base, inputs.held_out())
    return base


@pytest.fixture
def base(tmp_path: Path, laid_out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    for name, value in inputs.ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TUNING_JOB", raising=False)
    return tmp_path


def test_an_evaluation_contains_the_models_metrics(base: Path) -> None:
    gates = ["--gate", "npmi_over_baseline:at_least:-0.2", "--gate", "perplexity:at_most:100"]
    done = subprocess.run(
        [sys.executable, jobs.CONTAINER / "evaluate", *inputs.ARGUMENTS, *gates],
        env={"SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1", **jobs.SERVING_IMAGE, **inputs.ENVIRON},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (base / "output").exists()
    found = inputs.evaluation(base)
    assert found["format"] == 1
    assert found["run"] == {
        "execution": inputs.ENVIRON["EXECUTION_ARN"],
        "environment": "dev",
        "algorithm": "container",
        "corpus_uri": "s3://data/raw/planted.csv",
        "corpus_version": "c0ffee",
        "training_job": "pipelines-abc123-Train-xyz",
        "tuning_job": None,
        "num_topics": planted.TOPICS,
        "feature_dim": planted.FEATURE_DIM,
    }
    assert found["documents"] == {"train": 400, "test": 120, "scored": 120}
    assert set(found["metrics"]) == METRICS
    assert set(found["baseline"]) == METRICS | {"model", "iterations", "documents", "seconds"}
    assert found["metrics"]["topic_uniqueness"] == 1
    # Seven words in ten are among the 20 of one topic, the others among 20 common ones: far below 120.
    for section in ("metrics", "baseline"):
        assert 30 < found[section]["perplexity"] < 60
        assert found[section]["npmi"] > 0.2
    assert found["against_baseline"]["perplexity"] == pytest.approx(
        found["metrics"]["perplexity"] / found["baseline"]["perplexity"]
    )
    for name in ("npmi", "c_v", "topic_uniqueness", "topic_diversity"):
        difference = found["metrics"][name] - found["baseline"][name]
        assert found["against_baseline"][name] == pytest.approx(difference)
    assert found["gate"]["passed"]
    assert found["gate"]["reason"] == "2 of 2 thresholds met"
    assert [check["metric"] for check in found["gate"]["checks"]] == ["npmi_over_baseline", "perplexity"]
    assert (found["trials"], found["tuning"]) == ([], None)

    assert sum(topic["share"] for topic in found["topics"]) == pytest.approx(1, abs=1e-4)
    assert sum(topic["documents"] for topic in found["topics"]) == 120
    for number, topic in enumerate(found["topics"]):
        assert topic["topic"] == number
        assert len(topic["words"]) == 20
        assert {word[0] for word, _ in topic["words"]} == {"abcde"[number]}
        assert len(topic["representative"]) == 3
        weights = [document["weight"] for document in topic["representative"]]
        assert weights == sorted(weights, reverse=True)
        # At least three in four of its words belong to the topic.
        for document in topic["representative"]:
            words = document["text"].split()
            assert sum(word[0] == "abcde"[number] for word in words) > 0.7 * len(words) - 2
        assert topic["nearest"][0] != number
    page = (base / "processing" / "output" / "report.html").read_text()
    assert "<title>Topics of planted.csv</title>" in page


def test_the_verdict_on_a_rejected_model_names_metric_value_and_threshold(base: Path) -> None:
    job.run([*inputs.ARGUMENTS, "--gate", "npmi:at_least:0.99", "--gate", "perplexity_to_baseline:at_most:0.5"])
    found = inputs.evaluation(base)
    assert not found["gate"]["passed"]
    npmi, ratio = found["metrics"]["npmi"], found["against_baseline"]["perplexity"]
    assert found["gate"]["reason"] == (
        f"npmi {npmi:.4g} is below 0.99; perplexity is {ratio:.4g} times the LDA baseline; "
        "it must be at most 0.5 times the baseline"
    )
    assert [check["passed"] for check in found["gate"]["checks"]] == [False, False]


def test_word_vectors_add_wetc(base: Path) -> None:
    rows = [f"{word} {int(word[0] == 'a')} {1 + int(word[0] == 'b')}\n" for word in jobs.VOCABULARY[:40]]
    vectors = base / "processing" / "input" / "vectors"
    vectors.mkdir()
    (vectors / "glove.6B.2d.txt").write_text("".join(rows))
    job.run([*inputs.ARGUMENTS, "--gate", "wetc:at_least:0.5"])
    found = inputs.evaluation(base)
    assert found["metrics"]["wetc"] == pytest.approx(1)
    assert [topic["wetc"] for topic in found["topics"]] == [pytest.approx(1), pytest.approx(1), None, None, None]


def test_word_vectors_must_be_one_file(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "processing" / "input" / "vectors").mkdir()
    assert _failure(base, monkeypatch).startswith("Input vectors has 0 files; expected one")


def test_texts_are_left_out_unless_quoting_is_allowed(base: Path) -> None:
    job.run([*inputs.ARGUMENTS, "--quote-documents", "false"])
    found = inputs.evaluation(base)
    assert all(set(document) == {"id", "weight"} for topic in found["topics"] for document in topic["representative"])
    text = inputs.held_out().texts[0]
    for path in (base / "processing" / "output").iterdir():
        assert text[:40] not in path.read_text()


def test_mixtures_can_come_from_batch_transform(base: Path) -> None:
    """As for the built-in NTM, whose artifact only provides the decoder."""
    job.run(inputs.ARGUMENTS)
    ours = inputs.evaluation(base)
    place = base / "processing" / "input"
    weights = {half: inputs.network().topic_weights(inputs.held_out().bags(half)) for half in ("all", "observed")}
    lines = [
        {"id": f"{row}/{half}", "SageMakerOutput": {"topic_weights": found[row].astype(float).round(7).tolist()}}
        for half, found in weights.items()
        for row in range(len(found))
    ]
    (place / "scores").mkdir()
    (place / "scores" / "part-00000.jsonl.out").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    job.run(inputs.ARGUMENTS)
    scored = inputs.evaluation(base)
    assert scored["metrics"] == pytest.approx(ours["metrics"], rel=1e-4)

    decoder = inputs.network().decoder
    arrays = {"arg:projection_weight": decoder.weight, "arg:projection_bias": decoder.bias}
    with zipfile.ZipFile(base / "model_algo-1", "w") as archive:
        archive.writestr("params", saved(arrays))
    with tarfile.open(place / "model" / "model.tar.gz", "w:gz") as model:
        model.add(base / "model_algo-1", "model_algo-1")
    job.run(inputs.ARGUMENTS)
    theirs = inputs.evaluation(base)
    assert theirs["metrics"]["perplexity"] == pytest.approx(ours["metrics"]["perplexity"], rel=1e-4)
    assert theirs["metrics"]["npmi"] == pytest.approx(ours["metrics"]["npmi"], abs=0.1)


def test_trials_are_read_from_sagemaker(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    monkeypatch.setenv("TUNING_JOB", "abc-Tune-1")
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def summary(number: int, **more: object) -> dict[str, object]:
        return {
            "TrainingJobName": f"abc-Tune-1-{number:03d}",
            "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/abc-Tune-1-{number:03d}",
            "CreationTime": start,
            "TrainingJobStatus": "Failed",
            "TunedHyperParameters": {"learning_rate": str(number / 100)},
            **more,
        }

    objective = {"MetricName": "validation:npmi_tu", "Value": 0.25}
    times = {"TrainingStartTime": start, "TrainingEndTime": start + timedelta(seconds=90)}
    first = summary(1, TrainingJobStatus="Completed", FinalHyperParameterTuningJobObjectiveMetric=objective, **times)
    asked = {"HyperParameterTuningJobName": "abc-Tune-1", "SortBy": "CreationTime", "SortOrder": "Ascending"}
    with Stubber(client) as stub:
        name = "list_training_jobs_for_hyper_parameter_tuning_job"
        stub.add_response(name, {"TrainingJobSummaries": [first], "NextToken": "2"}, asked)
        stub.add_response(name, {"TrainingJobSummaries": [summary(2)]}, {**asked, "NextToken": "2"})
        job.run(inputs.ARGUMENTS)
    found = inputs.evaluation(base)
    assert found["run"]["tuning_job"] == "abc-Tune-1"
    assert found["tuning"] == {"metric": "validation:npmi_tu", "goal": "maximize"}
    assert found["trials"] == [
        {
            "job": "abc-Tune-1-001",
            "status": "Completed",
            "objective": 0.25,
            "hyperparameters": {"learning_rate": "0.01"},
            "seconds": 90,
        },
        {
            "job": "abc-Tune-1-002",
            "status": "Failed",
            "objective": None,
            "hyperparameters": {"learning_rate": "0.02"},
            "seconds": None,
        },
    ]


def _write(base: Path, place: str, content: bytes) -> None:
    (base / "processing" / "input" / place).write_bytes(content)


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [
        ("model/model.tar.gz", b"not one", "model.tar.gz is not a valid model archive"),
        ("heldout/part-00000.jsonl", b"", "has no documents: the test split is empty"),
        ("heldout/part-00000.jsonl", b"{", "part-00000.jsonl, line 1, is not JSON"),
        ("heldout/part-00000.jsonl", b'{"id": "1", "text": "", "words": [120]}', "line 1, is not a held-out document"),
        ("heldout/part-00000.jsonl", b'{"id": "1", "text": "", "words": [5]}', "no test document has two words"),
        ("train/part-00000.pbr", b"junk", "Input train, file part-00000.pbr: "),
        ("train/part-00000.pbr", b"", "Input train has no documents in 1 files"),
        ("auxiliary/vocab.txt", b"a\nb\n", "vocab.txt has 2 words, but feature_dim is 120"),
        ("meta/meta.json", b"{}", "meta.json is not valid output of preprocessing"),
    ],
)
def test_invalid_inputs_fail_with_the_reason_and_write_no_output(
    base: Path, monkeypatch: pytest.MonkeyPatch, place: str, content: bytes, reason: str
) -> None:
    _write(base, place, content)
    assert reason in _failure(base, monkeypatch)


def _failure(base: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["evaluate", *inputs.ARGUMENTS, *arguments])
    assert job.main() == 1
    assert not (base / "processing" / "output").exists()
    return (base / "output" / "message").read_text()


def test_a_model_of_another_run_is_rejected(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUM_TOPICS", "7")
    assert "The model has 5 topics, but the variable NUM_TOPICS is 7" in _failure(base, monkeypatch)
    path = base / "processing" / "input" / "meta" / "meta.json"
    path.write_text(json.dumps({**inputs.META, "feature_dim": 2}))
    _write(base, "auxiliary/vocab.txt", b"a0\nb20\n")
    _write(base, "heldout/part-00000.jsonl", b'{"id": "1", "text": "", "words": [1, 1]}')
    shutil.rmtree(base / "processing" / "input" / "train")
    assert "Input train is missing" in _failure(base, monkeypatch)


def test_a_gate_on_a_missing_metric_fails_and_names_it(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "The gate has a threshold for wetc, which has no value" in _failure(
        base, monkeypatch, "--gate", "wetc:at_least:0.1"
    )


def test_unexpected_errors_are_reported(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: Any) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr(job, "measure", explode)
    assert _failure(base, monkeypatch) == "Internal error: ZeroDivisionError('by chance'). The log has the traceback."
