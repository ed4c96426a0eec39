import threading
from typing import Any

import pytest

from localcloud.services.sagemaker.pipelines.job_steps import training, tuning
from localcloud.services.sagemaker.pipelines.step_context import StepContext, StepFailed, StepType

INTERNAL = "InternalServerError: the machine is gone"


class _Session:
    """Role session in which every job has failed."""

    def client(self, _service: str) -> Any:
        return self

    def __getattr__(self, operation: str) -> Any:
        verb, _, job = operation.partition("_")
        noun = "".join(part.capitalize() for part in job.split("_"))
        answer = {"create": {f"{noun}Arn": "arn"}, "describe": {f"{noun}Status": "Failed", "FailureReason": INTERNAL}}
        return lambda **_request: answer[verb]


@pytest.mark.parametrize(("step", "exception_type"), [(training, "SageMaker.JOB_INTERNAL_ERROR"), (tuning, None)])
def test_tuning_job_is_not_retried_because_its_training_jobs_are(step: StepType, exception_type: str | None) -> None:
    session: Any = _Session()
    context = StepContext({"Name": "Step"}, {}, "abcdefghijkl", "arn", session, threading.Event())
    with pytest.raises(StepFailed, match="the machine is gone") as failed:
        step(context)
    assert failed.value.exception_type == exception_type
