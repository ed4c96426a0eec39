"""A script of a SageMaker Python SDK user: ``python sdk_client.py ROLE IMAGE BUCKET`` prints its results as JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import WaiterError
from sagemaker import Session, utils
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep

OUTPUT = "/opt/ml/processing/output"
WORDS = """
import argparse, os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--in", dest="source", type=Path)
parser.add_argument("--out", type=Path)
options = parser.parse_args()
print("working on", sorted(path.name for path in options.source.iterdir()), flush=True)
text = (options.source / "words.txt").read_text()
(options.out / "words.txt").write_text(f"{os.environ['WORD']}: {text}{text}")
"""
EVALUATE = """
import json, sys
from pathlib import Path

Path(sys.argv[1], "evaluation.json").write_text(json.dumps({"metrics": {"npmi": 0.25}}))
"""


def _processor(session: Session, role: str, image: str) -> ScriptProcessor:
    return ScriptProcessor(
        role=role,
        image_uri=image,
        command=["python3"],
        instance_type="ml.m5.large",
        instance_count=1,
        base_job_name="sdk",
        env={"WORD": "twice"},
        sagemaker_session=session,
    )


def process(role: str, image: str, bucket: str) -> str:
    """Run a script on a file, follow its log, and return the job's status."""
    session = Session(boto3.Session(region_name="us-east-1"), default_bucket=bucket)
    Path("words.py").write_text(WORDS)
    Path("words.txt").write_text("a")
    processor = _processor(session, role, image)
    processor.run(
        code="words.py",
        inputs=[ProcessingInput("words.txt", "/opt/ml/processing/input/data", input_name="data")],
        outputs=[ProcessingOutput(OUTPUT, f"s3://{bucket}/sdk-processed", output_name="result")],
        arguments=["--in", "/opt/ml/processing/input/data", "--out", OUTPUT],
    )
    return str(processor.latest_job.describe()["ProcessingJobStatus"])


def gate(role: str, image: str, bucket: str) -> list[dict[str, Any]]:
    """Run a pipeline once with a failing and once with a passing gate, and return the steps of both executions."""
    session = PipelineSession(boto3.Session(region_name="us-east-1"), default_bucket=bucket)
    Path("evaluate.py").write_text(EVALUATE)
    threshold = ParameterFloat("Threshold")
    evaluation = PropertyFile("Evaluation", "evaluation", "evaluation.json")
    outputs = [ProcessingOutput(source=OUTPUT, output_name="evaluation")]
    evaluate = ProcessingStep(
        "Evaluate",
        step_args=_processor(session, role, image).run(code="evaluate.py", outputs=outputs, arguments=[OUTPUT]),
        property_files=[evaluation],
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
    )
    npmi = JsonGet(step_name="Evaluate", property_file=evaluation, json_path="metrics.npmi")
    decide = ConditionStep(
        "Gate",
        conditions=[
            ConditionGreaterThanOrEqualTo(npmi, threshold),
            ConditionNot(ConditionEquals(npmi, 7.0)),
            ConditionOr([ConditionLessThan(npmi, 0.0), ConditionIn(npmi, [0.25, 0.75])]),
        ],
        if_steps=[],
        else_steps=[FailStep("Rejected", error_message=Join(" ", ["npmi", npmi, "is below", threshold]))],
    )
    pipeline = Pipeline("sdk-gate", parameters=[threshold], steps=[evaluate, decide], sagemaker_session=session)
    pipeline.upsert(role)
    executions = []
    for value in (0.5, 0.1):
        execution = pipeline.start(parameters={"Threshold": value})
        try:
            execution.wait(delay=1, max_attempts=60)
        except WaiterError as error:
            executions.append({"waited": str(error)})
        executions.append({"status": execution.describe()["PipelineExecutionStatus"], "steps": execution.list_steps()})
    return executions


def main() -> None:
    pause = time.sleep
    # The SDK polls jobs every ten seconds.
    time.sleep = lambda seconds: pause(min(seconds, 0.5))  # type: ignore[assignment]
    # The SDK validates its whole configuration on every lookup, which is slow.
    utils.validate_sagemaker_config = lambda _: None
    print(json.dumps({"process": process(*sys.argv[1:]), "gate": gate(*sys.argv[1:])}, default=str))


if __name__ == "__main__":
    main()
