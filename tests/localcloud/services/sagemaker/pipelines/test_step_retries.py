import pytest
from botocore.exceptions import ClientError

from localcloud.services.sagemaker.pipelines.retries import Retries, exception_type_of_call, exception_type_of_reason

FAULTS = {
    "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
    "IntervalSeconds": 5,
    "BackoffRate": 2,
    "MaxAttempts": 3,
}
CAPACITY = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 60, "BackoffRate": 3, "MaxAttempts": 1}


def _error(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "CreateTrainingJob")  # type: ignore[arg-type]


def test_pauses_grow_until_the_attempts_are_exhausted() -> None:
    retries = Retries([FAULTS, CAPACITY])
    assert [retries.wait_after("Step.THROTTLING") for _ in range(4)] == [5, 10, 20, None]
    assert [retries.wait_after("SageMaker.CAPACITY_ERROR") for _ in range(2)] == [60, None]


@pytest.mark.parametrize("exception_type", [None, "SageMaker.RESOURCE_LIMIT"])
def test_failures_that_no_policy_names_are_final(exception_type: str | None) -> None:
    assert Retries([FAULTS, CAPACITY]).wait_after(exception_type) is None
    assert Retries(None).wait_after(exception_type) is None


def test_sagemaker_retries_calls_unless_a_policy_replaces_that() -> None:
    retries = Retries([CAPACITY])
    assert [retries.wait_after("Step.SERVICE_FAULT") for _ in range(6)] == [1, 2, 4, 8, 16, None]
    none = Retries([{**FAULTS, "MaxAttempts": 0}])
    assert none.wait_after("Step.SERVICE_FAULT") is None


def test_retries_end_when_their_time_is_over() -> None:
    policy = {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 40, "BackoffRate": 2, "ExpireAfterMin": 1}
    retries = Retries([policy])
    assert retries.wait_after("Step.SERVICE_FAULT") == 40
    assert retries.wait_after("Step.SERVICE_FAULT") is None


@pytest.mark.parametrize(
    ("reason", "exception_type"),
    [
        ("InternalServerError: We encountered an internal error.", "SageMaker.JOB_INTERNAL_ERROR"),
        ("CapacityError: Unable to provision requested ML compute capacity.", "SageMaker.CAPACITY_ERROR"),
        ("ResourceLimitExceeded: The account-level limit", "SageMaker.RESOURCE_LIMIT"),
        ("AlgorithmError: , exit code: 1", None),
        ("ClientError: No S3 objects found", None),
        ("", None),
    ],
)
def test_failure_reasons_map_to_exception_types(reason: str, exception_type: str | None) -> None:
    assert exception_type_of_reason(reason) == exception_type


@pytest.mark.parametrize(
    ("code", "status", "exception_type"),
    [
        ("ThrottlingException", 400, "Step.THROTTLING"),
        ("ResourceLimitExceeded", 400, "SageMaker.RESOURCE_LIMIT"),
        ("InternalFailure", 500, "Step.SERVICE_FAULT"),
        ("ValidationException", 400, None),
    ],
)
def test_refused_calls_map_to_exception_types(code: str, status: int, exception_type: str | None) -> None:
    assert exception_type_of_call(_error(code, status)) == exception_type
