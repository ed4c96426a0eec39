"""The ``run`` and ``runs`` commands, and the live view of a run."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from tests.topicsmith.account import EVALUATION, REASON, REJECTION, Account, Invoke
from topicsmith.core.aws import Clients
from topicsmith.runs import runs, watch
from topicsmith.runs.jobs import Job, JobKind
from topicsmith.runs.training_log import LOG_GROUP, TrainingProgress

_LAMBDA_ERROR = (
    'ClientError: Lambda function arn:x failed: {"errorMessage": "there is no \\"text\\".", '
    '"errorType": "CorpusError", "stackTrace": ["  File \\"handler.py'
)
JOB = "pipelines-run-Train-abc"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def step(name: str, status: str, **rest: object) -> dict[str, Any]:
    started = {"StartTime": NOW.timestamp()}
    ended = {"EndTime": (NOW + timedelta(seconds=7)).timestamp()} if status in {"Succeeded", "Failed"} else {}
    return {"StepName": name, "StepStatus": status, **started, **ended, **rest}


def preprocess(status: str, **rest: object) -> dict[str, Any]:
    outputs = [{"Name": "documents", "Value": "900"}, {"Name": "feature_dim", "Value": "123"}]
    function = {
        "Arn": "arn:aws:lambda:us-east-1:123456789012:function:topicsmith-preprocess",
        "OutputParameters": outputs,
    }
    return step("Preprocess", status, Metadata={"Lambda": function}, **rest)


def train(status: str, **rest: object) -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{JOB}"
    return step("Train", status, Metadata={"TrainingJob": {"Arn": arn}}, **rest)


def evaluated(metadata: dict[str, Any], *, passed: bool) -> list[dict[str, Any]]:
    """Return the steps up to the gate of a run whose Evaluate step has ``metadata``."""
    gate = {"Condition": {"Outcome": str(passed)}}
    return [
        preprocess("Succeeded"),
        train("Succeeded"),
        step("Evaluate", "Succeeded", Metadata=metadata),
        step("Gate", "Succeeded", Metadata=gate),
    ]


def rejected() -> dict[str, Any]:
    reason = f"{REASON}. See s3://topicsmith-dev-data/evaluation/r/report.html"
    return step("Rejected", "Failed", FailureReason=reason, Metadata={"Fail": {"ErrorMessage": reason}})


def register() -> dict[str, Any]:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-dev/3"
    return step("Register", "Succeeded", Metadata={"RegisterModel": {"Arn": arn}})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("id,title,body\n1,Good,It works\n")
    return path


def write_log(*lines: str) -> None:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    stream = f"{JOB}/algo-1-1"
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName=LOG_GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


@pytest.mark.usefixtures("no_waiting")
def test_a_run_from_file_to_registered_model(deployed: Account, invoke: Invoke, corpus: Path) -> None:
    write_log("#quality_metric: host=algo-1, epoch=4, validation total_loss <loss>=6.125")
    deployed.steps = [
        [],
        [preprocess("Executing")],
        [preprocess("Succeeded"), train("Executing")],
        [preprocess("Succeeded"), train("Succeeded"), register()],
    ]

    result = invoke("run", str(corpus), "--text", "title,body", "--id", "id", "--topics", "30", "--json")

    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["status"] == "Succeeded"
    assert answer["model_version"] == 3
    assert answer["parameters"] == {
        "CorpusUri": "s3://topicsmith-dev-data/raw/reviews.csv",
        "TextColumns": "title,body",
        "IdColumn": "id",
        "NumTopics": "30",
    }
    assert [(s["name"], s["status"], s["seconds"]) for s in answer["steps"]] == [
        ("Preprocess", "Succeeded", 7.0),
        ("Train", "Succeeded", 7.0),
        ("Register", "Succeeded", 7.0),
    ]
    assert boto3.client("s3").get_object(Bucket="topicsmith-dev-data", Key="raw/reviews.csv")["Body"].read() == (
        corpus.read_bytes()
    )
    seen = result.stderr
    assert "Preprocess  Executing" in seen
    assert "900 documents, 123 words" in seen
    assert "epoch 4 · validation total_loss 6.125" in seen
    assert "Register  Succeeded  7.0 s  model version 3" in seen


@pytest.mark.usefixtures("no_waiting")
def test_a_finished_run_prints_the_next_step(deployed: Account, invoke: Invoke, corpus: Path) -> None:
    deployed.steps = [[preprocess("Succeeded"), train("Succeeded"), register()]]
    result = invoke("run", str(corpus), "--text", "title")
    assert result.exit_code == 0, result.output
    assert "registered model version 3" in result.stdout
    assert "topics --version 3 --env dev" in result.stdout
    assert "approve 3 --wait --env dev" in result.stdout


@pytest.mark.usefixtures("no_waiting")
def test_a_failed_run_is_reported_with_the_steps_reason_and_log(
    deployed: Account, invoke: Invoke, corpus: Path
) -> None:
    write_log("Traceback (most recent call last):", "ValueError: num_topics 1")
    deployed.steps = [[preprocess("Succeeded"), train("Failed", FailureReason="AlgorithmError: num_topics 1")]]
    deployed.status_at_the_end = "Failed"

    result = invoke("run", str(corpus), "--text", "title", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "Failed"
    assert "Train failed: AlgorithmError: num_topics 1" in result.stderr
    assert f"Log: {LOG_GROUP}, streams {JOB}/*" in result.stderr
    assert "ValueError: num_topics 1" in result.stderr


def test_a_failed_function_is_reported_with_its_log_group(deployed: Account, invoke: Invoke) -> None:
    deployed.steps = [[preprocess("Failed", FailureReason=_LAMBDA_ERROR)]]
    deployed.status_at_the_end = "Failed"
    run_id = deployed.start()
    invoke("runs", run_id)  # the status follows once the steps were listed
    result = invoke("runs", run_id)
    assert result.exit_code == 0
    assert 'Preprocess failed: CorpusError: there is no "text".\n' in result.stdout
    assert "Log: /aws/lambda/topicsmith-preprocess" in result.stdout


@pytest.mark.usefixtures("deployed")
def test_no_wait_starts_and_says_how_to_watch(invoke: Invoke, corpus: Path) -> None:
    result = invoke("run", str(corpus), "--text", "title", "--no-wait")
    assert result.exit_code == 0, result.output
    (run,) = json.loads(invoke("runs", "--json").stdout)
    assert f"runs {run['id']} --watch --env dev" in result.stdout


@pytest.mark.usefixtures("deployed")
def test_a_corpus_already_in_s3_is_not_uploaded(invoke: Invoke) -> None:
    boto3.client("s3").put_object(Bucket="topicsmith-dev-data", Key="raw/a/b.jsonl", Body=b"{}")
    result = invoke("run", "s3://topicsmith-dev-data/raw/a/", "--no-wait", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["parameters"] == {"CorpusUri": "s3://topicsmith-dev-data/raw/a/"}


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://topicsmith-dev-data/raw/nothing.csv", "There is nothing at"),
        ("s3://elsewhere/x.csv", "a corpus must be under s3://topicsmith-dev-data/raw/."),
        ("s3://topicsmith-dev-data/models/x.csv", "a corpus must be under s3://topicsmith-dev-data/raw/."),
        ("s3://", "a corpus must be under"),
    ],
)
def test_an_s3_uri_that_preprocessing_cannot_read(invoke: Invoke, uri: str, reason: str) -> None:
    result = invoke("run", uri)
    assert result.exit_code == 1
    assert reason in result.stderr


@pytest.mark.usefixtures("deployed")
def test_a_corpus_without_the_columns_is_refused_before_the_upload(invoke: Invoke, corpus: Path) -> None:
    result = invoke("run", str(corpus))
    assert result.exit_code == 1
    assert "has no column text. Its columns: id, title, body." in result.stderr
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="topicsmith-dev-data")
    assert invoke("runs", "--json").stdout.strip() == "[]"


def test_an_unknown_run_names_the_existing_ones(deployed: Account, invoke: Invoke) -> None:
    assert "It has no runs yet." in invoke("runs", "nonsense").stderr
    run_id = deployed.start()
    result = invoke("runs", "nonsense")
    assert result.exit_code == 1
    assert f"has no run nonsense. The latest runs: {run_id}." in result.stderr


def test_runs_are_listed_and_an_empty_list_says_how_to_start(deployed: Account, invoke: Invoke) -> None:
    assert "has no runs yet. Start one:" in invoke("runs").stdout
    run_id = deployed.start()
    assert run_id in invoke("runs").stdout
    assert invoke("runs", run_id, "--json").exit_code == 0


@pytest.mark.usefixtures("deployed")
def test_ctrl_c_leaves_the_run_running(invoke: Invoke, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "watch", interrupt)
    result = invoke("run", str(corpus), "--text", "title")
    assert result.exit_code == 130
    assert "continues. Watch it again:" in result.stderr


def test_an_unreadable_log_does_not_stop_watching(
    deployed: Account, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.logs.responses import LogsResponse

    def refuse(_: LogsResponse) -> None:
        from moto.core.exceptions import JsonRESTError

        raise JsonRESTError(
            "AccessDeniedException", "User: x is not authorized to perform: logs:DescribeLogStreams on resource: y"
        )

    monkeypatch.setattr(LogsResponse, "describe_log_streams", refuse)
    deployed.steps = [[train("Succeeded")]]
    result = invoke("runs", deployed.start(), "--watch")
    assert result.exit_code == 0, result.output
    assert "Some details are missing" in result.stderr
    assert "logs:DescribeLogStreams" in result.stderr


def test_the_live_view_shows_every_step_of_the_pipeline(deployed: Account) -> None:
    deployed.steps = [
        [],
        [preprocess("Succeeded"), train("Executing")],
        [preprocess("Succeeded"), train("Succeeded"), register()],
    ]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, highlight=False)
    slept: list[float] = []

    arn = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/topicsmith-dev/execution/{deployed.start()}"
    run = watch.watch(Clients(), arn, ("Preprocess", "Train", "Register"), console, sleep=slept.append)

    assert run.succeeded
    assert slept == [5.0, 5.0]
    assert "model version 3" in screen.getvalue()


def test_metrics_are_printed_at_intervals_and_only_if_they_changed() -> None:
    time = [0.0]
    screen = io.StringIO()
    reporter = watch.LineReporter(Console(file=screen, width=120), clock=lambda: time[0])
    running = runs.Step("Train", "Executing", NOW, None, None, Job(JobKind.TRAINING, JOB), None, None, {})
    run = runs.Run("arn/x", "Executing", NOW, NOW, None, {}, (running,))

    for second in range(60):
        time[0] = float(second)
        epoch = min(second, 30)
        reporter.show(watch.Snapshot(run, {"Train": f"epoch {epoch}"}))

    assert [line.rpartition("epoch ")[2] for line in screen.getvalue().splitlines()] == ["0", "10", "20", "30"]


def test_progress_is_the_last_logged_value() -> None:
    progress = TrainingProgress().after(
        [
            "[01/01/2026 00:00:00 INFO 1] #quality_metric: host=algo-1, epoch=1, train total_loss <loss>=7.0219",
            "Loss (name: value) total|kld|recons|logppx: 7.13",
            "#validation_score (1): 7.1369",
            "#progress_metric: host=algo-1, completed 1.0 % of epochs",
            "#quality_metric: host=algo-1, epoch=2, train total_loss <loss>=6.9",
            "#quality_metric: host=algo-1, epoch=2, train total_loss <loss>=not-a-number",
            "#quality_metric: host=algo-1, epoch=2, validation npmi <score>=0.2",
        ]
    )
    assert progress == TrainingProgress(epoch=2, percent=1.0, train_loss=None, validation_loss=7.1369)
    assert str(progress) == "epoch 2 · 1 % · validation total_loss 7.137"
    assert str(TrainingProgress()) == ""


@pytest.mark.usefixtures("no_waiting")
def test_rows_left_out_by_preprocessing_are_reported(deployed: Account, invoke: Invoke, corpus: Path) -> None:
    meta = {
        "rows": 1000,
        "malformed_rows": 3,
        "malformed": {"not UTF-8": {"rows": 3, "first": ["raw/reviews.csv row 7 (line 9)"]}},
        "empty_documents": 20,
        "documents_without_vocabulary_words": 0,
        "documents": 977,
        "settings": {},
    }
    boto3.client("s3").put_object(Bucket="topicsmith-dev-data", Key="bow/r/meta.json", Body=json.dumps(meta).encode())
    done = preprocess("Succeeded")
    done["Metadata"]["Lambda"]["OutputParameters"] += [
        {"Name": "meta_uri", "Value": "s3://topicsmith-dev-data/bow/r/meta.json"}
    ]
    deployed.steps = [[done]]

    result = invoke("run", str(corpus), "--text", "title", "--json")

    assert json.loads(result.stdout)["preprocessing"]["malformed_rows"] == 3
    assert "977 of 1,000 rows are in the model's corpus. Left out:" in result.stderr
    assert "  3 malformed: not UTF-8, for example raw/reviews.csv row 7 (line 9)" in result.stderr
    assert "  20 without a word\n" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_a_gzipped_corpus_is_uploaded_unchanged(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "good"}\n'))
    assert invoke("run", str(path), "--no-wait").exit_code == 0
    body = boto3.client("s3").get_object(Bucket="topicsmith-dev-data", Key="raw/reviews.jsonl.gz")["Body"].read()
    assert body == path.read_bytes()


@pytest.mark.usefixtures("no_waiting")
def test_a_rejected_run_is_reported_with_the_metric_and_the_report(
    deployed: Account, invoke: Invoke, corpus: Path
) -> None:
    deployed.steps = [[*evaluated(deployed.evaluate(REJECTION), passed=False), rejected()]]
    deployed.status_at_the_end = "Failed"

    result = invoke("run", str(corpus), "--text", "title")

    assert result.exit_code == 1
    assert f"Gate  Succeeded  7.0 s  rejected: {REASON}\n" in result.stderr
    assert (
        f"The gate rejected the model: {REASON}. See s3://topicsmith-dev-data/evaluation/r/report.html\n"
        in result.stderr
    )
    assert "Report: " in result.stderr
    assert "registered" not in result.stdout


@pytest.mark.usefixtures("no_waiting")
def test_a_passed_gate_is_reported_with_its_margin(deployed: Account, invoke: Invoke, corpus: Path) -> None:
    deployed.steps = [[*evaluated(deployed.evaluate(EVALUATION), passed=True), register()]]
    result = invoke("run", str(corpus), "--text", "title")
    assert result.exit_code == 0, result.output
    assert "Gate  Succeeded  7.0 s  passed: npmi_over_baseline 0.090 (at least 0)\n" in result.stderr
    assert "report " in result.stdout


def test_with_an_invalid_verdict_the_gates_outcome_is_shown(deployed: Account, invoke: Invoke) -> None:
    deployed.steps = [evaluated(deployed.evaluate(b"{"), passed=False)]
    result = invoke("runs", deployed.start(), "--watch")
    assert "Gate  Succeeded  7.0 s  rejected\n" in result.stderr
    assert "Some details are missing. s3://topicsmith-dev-data/evaluation/r/evaluation.json is invalid" in result.stderr


def test_a_run_is_shown_with_the_log_of_each_step(deployed: Account, invoke: Invoke) -> None:
    deployed.steps = [evaluated(deployed.evaluate(EVALUATION), passed=True)]
    shown = invoke("runs", deployed.start()).stdout
    assert "Log of Preprocess: /aws/lambda/topicsmith-preprocess\n" in shown
    assert f"Log of Train: {LOG_GROUP}, streams {JOB}/*\n" in shown
    assert "Log of Evaluate: /aws/sagemaker/ProcessingJobs, streams run-Evaluate-abc/*\n" in shown
    assert "Log of Gate" not in shown


def test_topics_cannot_be_set_if_it_is_tuned(account: Account, invoke: Invoke, corpus: Path) -> None:
    account.tuned = True
    account.deploy("dev")
    result = invoke("run", str(corpus), "--text", "title", "--topics", "30")
    assert result.exit_code == 2
    assert "the number of topics is tuned in dev" in result.stderr
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="topicsmith-dev-data")


def test_upcoming_steps_are_those_of_a_successful_run(deployed: Account) -> None:
    pipeline = runs.pipeline(boto3.client("sagemaker"), "topicsmith-dev")
    assert pipeline.steps == ("Preprocess", "Train", "Gate", "Register")
