"""What the evaluation is asked to do: its arguments, its variables, and the directories that SageMaker fills."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

from ntm.common.errors import InputError
from ntm.common.sagemaker import base_directory
from ntm.evaluation.gate import Threshold

Algorithm = Literal["container", "builtin"]

_VARIABLES: Final = ("EXECUTION_ARN", "NUM_TOPICS", "TRAINING_JOB")


@dataclass(frozen=True)
class EvaluationRequest:
    """A Processing job that evaluates.

    Attributes:
        environment: the environment's name, for the report.
        algorithm: which one made the model.
        baseline_iterations: how long the baseline is trained.
        map_documents: how many documents the report's map has at most.
        quote_documents: whether the report may quote documents.
        thresholds: the gate's.
        execution: the ARN of the pipeline's execution.
        num_topics: of the model.
        training_job: that made it.
        tuning_job: that chose its hyperparameters; None without tuning.
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

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> "EvaluationRequest":
        """Read the job's ContainerArguments and Environment.

        Raises:
            InputError: an argument or a variable is missing or is not what it must be.
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
        return cls(
            given.environment,
            given.algorithm,
            given.baseline_iterations,
            given.map_documents,
            given.quote_documents == "true",
            tuple(map(Threshold.parse, given.gate)),
            environ["EXECUTION_ARN"],
            int(topics),
            environ["TRAINING_JOB"],
            environ.get("TUNING_JOB") or None,
        )


def has_input(name: str) -> bool:
    """Tell whether the job has a processing input of this name."""
    return _input_directory(name).is_dir()


def input_directory(name: str) -> Path:
    """Return where SageMaker lays the processing input of this name.

    Raises:
        InputError: the job has none.
    """
    path = _input_directory(name)
    if not path.is_dir():
        raise InputError(f"There is no input {name}: add it to the job's ProcessingInputs, at LocalPath {path}.")
    return path


def _input_directory(name: str) -> Path:
    return base_directory() / "processing" / "input" / name


def output_directory() -> Path:
    """Return what SageMaker puts to S3 when the job has succeeded."""
    return base_directory() / "processing" / "output"


def write_message(reason: str) -> None:
    """Tell SageMaker why the job failed; it shows the first 1,024 characters as ExitMessage."""
    path = base_directory() / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason, "utf-8")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"The job's ContainerArguments cannot be used: {message}.")
