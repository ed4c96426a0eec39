"""Request of an evaluation: container arguments, environment variables and input directories."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

from ntm.common.errors import InputError
from ntm.common.sagemaker import base_directory
from ntm.evaluation.gate import Threshold

Algorithm = Literal["container", "builtin"]

_VARIABLES: Final = ("EXECUTION_ARN", "NUM_TOPICS", "TRAINING_JOB")
_EXECUTION_ARN: Final = re.compile(r"arn:[a-z-]+:sagemaker:[a-z0-9-]+:\d{12}:pipeline/.+/execution/.+")


@dataclass(frozen=True)
class EvaluationRequest:
    """Configuration of an evaluation job.

    Attributes:
        environment: Name of the environment, for the report.
        algorithm: Algorithm that trained the model.
        baseline_iterations: Training iterations of the baseline.
        map_documents: Maximum number of documents on the report's map.
        quote_documents: Allow the report to quote documents.
        thresholds: Thresholds of the quality gate.
        execution: ARN of the pipeline execution.
        num_topics: Number of topics of the model.
        training_job: Name of the training job.
        tuning_job: Name of the tuning job; None without tuning.
    """

    environment: str
    algorithm: Algorithm
    baseline_iterations: int
    map_documents: int
    quote_documents: bool
    thresholds: tuple[Threshold, ...]
    execution: str
    num_topics: int
    training_job: str
    tuning_job: str | None

    @property
    def region(self) -> str:
        """Region of the run, from its ARN: SageMaker sets no variable with it in a processing container."""
        return self.execution.split(":")[3]

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> "EvaluationRequest":
        """Read the job's ContainerArguments and Environment.

        Raises:
            InputError: An argument or a variable is missing or invalid.
        """
        parser = _Parser(prog="evaluate", allow_abbrev=False, add_help=False)
        parser.add_argument("--environment", required=True)
        parser.add_argument("--algorithm", choices=("container", "builtin"), required=True)
        parser.add_argument("--baseline-iterations", type=int, required=True)
        parser.add_argument("--map-documents", type=int, required=True)
        parser.add_argument("--quote-documents", choices=("true", "false"), default="true")
        parser.add_argument("--gate", action="append", default=[])
        given = parser.parse_args(arguments)
        for name in ("baseline_iterations", "map_documents"):
            if (value := getattr(given, name)) < 1:
                raise InputError(f"--{name.replace('_', '-')} is {value}; allowed: 1 or more.")
        if missing := [name for name in _VARIABLES if not environ.get(name)]:
            raise InputError(f"The variable {missing[0]} is missing from the processing job's Environment.")
        topics = environ["NUM_TOPICS"]
        if not topics.isdecimal() or int(topics) < 2:
            raise InputError(f"The variable NUM_TOPICS is {topics!r}; allowed: an integer, 2 or more.")
        execution = environ["EXECUTION_ARN"]
        if not _EXECUTION_ARN.fullmatch(execution):
            raise InputError(f"The variable EXECUTION_ARN is {execution!r}; allowed: the ARN of a pipeline execution.")
        return cls(
            given.environment,
            given.algorithm,
            given.baseline_iterations,
            given.map_documents,
            given.quote_documents == "true",
            tuple(map(Threshold.parse, given.gate)),
            execution,
            int(topics),
            environ["TRAINING_JOB"],
            environ.get("TUNING_JOB") or None,
        )


def has_input(name: str) -> bool:
    """Return True if the job has a processing input of this name."""
    return _input_directory(name).is_dir()


def input_directory(name: str) -> Path:
    """Return the directory of a processing input.

    Raises:
        InputError: The job has no such input.
    """
    path = _input_directory(name)
    if not path.is_dir():
        raise InputError(f"Input {name} is missing. Add it to the job's ProcessingInputs with LocalPath {path}.")
    return path


def _input_directory(name: str) -> Path:
    return base_directory() / "processing" / "input" / name


def output_directory() -> Path:
    """Return the directory that SageMaker uploads to S3 after the job succeeds."""
    return base_directory() / "processing" / "output"


def write_message(reason: str) -> None:
    """Write the job's failure reason; SageMaker shows its first 1,024 characters as ExitMessage."""
    path = base_directory() / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason, "utf-8")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"The job's ContainerArguments are invalid: {message}.")
