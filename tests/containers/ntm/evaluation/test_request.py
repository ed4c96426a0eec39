from pathlib import Path

import pytest

from ntm.common.errors import InputError
from ntm.evaluation.gate import Threshold
from ntm.evaluation.request import EvaluationRequest, input_directory
from tests.containers.ntm.evaluation.inputs import ARGUMENTS, ENVIRON


def test_a_request_is_read() -> None:
    gates = ["--gate", "npmi:at_least:0.05", "--gate", "perplexity_to_baseline:at_most:1.0"]
    read = EvaluationRequest.read(
        [*ARGUMENTS, *gates, "--quote-documents", "false"], {**ENVIRON, "TUNING_JOB": "abc-Tune-1"}
    )
    assert read == EvaluationRequest(
        environment="dev",
        algorithm="container",
        baseline_iterations=30,
        map_documents=60,
        quote_documents=False,
        thresholds=(Threshold("npmi", "at_least", 0.05), Threshold("perplexity_to_baseline", "at_most", 1.0)),
        execution=ENVIRON["EXECUTION_ARN"],
        num_topics=5,
        training_job=ENVIRON["TRAINING_JOB"],
        tuning_job="abc-Tune-1",
    )
    assert read.region == "eu-west-1"
    plain = EvaluationRequest.read(ARGUMENTS, {**ENVIRON, "TUNING_JOB": ""})
    assert (plain.tuning_job, plain.quote_documents, plain.thresholds) == (None, True, ())


@pytest.mark.parametrize(
    ("arguments", "environ", "reason"),
    [
        (["--algorithm", "builtin"], {}, "ContainerArguments are invalid: the following arguments are required"),
        ([*ARGUMENTS, "--colour", "red"], {}, "unrecognized arguments: --colour red"),
        ([*ARGUMENTS, "--algorithm", "lda"], {}, "invalid choice: 'lda'"),
        ([*ARGUMENTS, "--map-documents", "many"], {}, "invalid int value: 'many'"),
        ([*ARGUMENTS, "--map-documents", "0"], {}, "--map-documents is 0; allowed: 1 or more"),
        ([*ARGUMENTS, "--gate", "npmi"], {}, "--gate 'npmi' is not a threshold"),
        (ARGUMENTS, {"NUM_TOPICS": "few"}, "NUM_TOPICS is 'few'; allowed: an integer, 2 or more"),
        (ARGUMENTS, {"NUM_TOPICS": "1"}, "NUM_TOPICS is '1'; allowed: an integer, 2 or more"),
        (ARGUMENTS, {"EXECUTION_ARN": "abc123"}, "EXECUTION_ARN is 'abc123'; allowed: the ARN of a pipeline execution"),
        (ARGUMENTS, {"TRAINING_JOB": ""}, "The variable TRAINING_JOB is missing"),
    ],
)
def test_an_invalid_request_is_rejected(arguments: list[str], environ: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError) as caught:
        EvaluationRequest.read(arguments, {**ENVIRON, **environ})
    assert reason in str(caught.value)


def test_inputs_are_below_opt_ml_processing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    path = tmp_path / "processing" / "input" / "meta"
    with pytest.raises(InputError, match=f"Input meta is missing. .* LocalPath {path}"):
        input_directory("meta")
    path.mkdir(parents=True)
    assert input_directory("meta") == path
