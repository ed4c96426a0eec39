"""Runs started by an upload or by a schedule."""

import shutil
from pathlib import Path
from typing import Any

from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, outputs_of, wait_for


def runs(clients: Clients) -> list[str]:
    listed = clients("sagemaker").list_pipeline_executions(PipelineName="topicsmith-small")
    return [run["PipelineExecutionArn"] for run in listed["PipelineExecutionSummaries"]]


def stop(clients: Clients, arn: str) -> None:
    clients("sagemaker").stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="0" * 32)

    def is_over() -> bool:
        described = clients("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
        return described["PipelineExecutionStatus"] not in ("Executing", "Stopping")

    wait_for(is_over, "the run's end")


def test_an_upload_starts_a_run(small_run: Any, clients: Clients, corpus: Path) -> None:
    before = runs(clients)
    bucket = outputs_of(clients, "small")["DataBucketName"]
    clients("s3").put_object(Bucket=bucket, Key="raw/readme.txt", Body=b"no corpus")
    clients("s3").put_object(Bucket=bucket, Key="raw/new/a b.csv", Body=corpus.read_bytes())

    (started,) = wait_for(lambda: [arn for arn in runs(clients) if arn not in before], "a run")

    parameters = clients("sagemaker").list_pipeline_parameters_for_execution(PipelineExecutionArn=started)
    assert {"Name": "CorpusUri", "Value": f"s3://{bucket}/raw/new/a b.csv"} in parameters["PipelineParameters"]
    stop(clients, started)


def test_an_upload_by_the_run_command_starts_only_one_run(
    small_run: Any, small: Operator, clients: Clients, corpus: Path, tmp_path: Path
) -> None:
    before = runs(clients)
    file = shutil.copy(corpus, tmp_path / "uploaded.csv")
    started = small("run", file, "--no-wait")
    (group,) = {
        function["LoggingConfig"]["LogGroup"]
        for function in clients("lambda").list_functions()["Functions"]
        if function.get("Environment", {}).get("Variables", {}).get("PIPELINE_NAME") == "topicsmith-small"
    }

    def skipped() -> list[str]:
        events = clients("logs").filter_log_events(logGroupName=group)["events"]
        messages = [event["message"] for event in events]
        return [message for message in messages if "no run for" in message and "uploaded.csv" in message]

    wait_for(skipped, "the function's word on the upload")
    assert [arn for arn in runs(clients) if arn not in before] == [started["arn"]]
    stop(clients, started["arn"])
