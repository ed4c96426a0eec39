"""Training jobs: moto stores them, and processes do the work."""

import threading
from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.services.sagemaker.training.built_in import LONGEST_WAIT_SECONDS, cannot_resume
from localcloud.services.sagemaker.training.checkpoints import CheckpointPathError, checkpoint_directory
from localcloud.services.sagemaker.training.record import LONGEST_RUNTIME_SECONDS, LocalTrainingJob
from localcloud.services.sagemaker.training.run import TrainingRun, Watch


def check_spot(request: Mapping[str, Any], account_id: str) -> None:
    """Validate the time limits of a training job.

    Args:
        request: The request.
        account_id: The caller's account; images of built-in algorithms are in others.

    Raises:
        ValidationError: There is a maximum wait without spot training, or spot training without a long enough one or
            with one that is too long for the algorithm.
    """
    condition = request.get("stopping_condition") or {}
    longest_wait = condition.get("MaxWaitTimeInSeconds")
    if not request.get("enable_managed_spot_training"):
        if longest_wait is not None:
            raise ValidationError(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
            )
    elif longest_wait is None or longest_wait < condition.get("MaxRuntimeInSeconds", LONGEST_RUNTIME_SECONDS):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds "
            "when EnableManagedSpotTraining is true."
        )
    elif longest_wait > LONGEST_WAIT_SECONDS and cannot_resume(_image(request), account_id):
        raise ValidationError(
            f"Invalid MaxWaitTimeInSeconds. It must be at most {LONGEST_WAIT_SECONDS} for a built-in algorithm that "
            "does not support checkpoints."
        )


def _image(request: Mapping[str, Any]) -> str:
    return str((request.get("algorithm_specification") or {}).get("TrainingImage") or "")


class TrainingJobs(SageMakerModelBackend):
    """SageMaker's training jobs."""

    training_jobs: dict[str, LocalTrainingJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._training_runs: dict[str, TrainingRun] = {}

    def create_training_job(  # type: ignore[override]
        self,
        training_job_name: str,
        role_arn: str,
        environment: dict[str, str] | None = None,
        *,
        watch: Watch | None = None,
        **request: Any,
    ) -> LocalTrainingJob:
        """Start a training job.

        Raises:
            ResourceInUseException: A job with this name exists.
            ValidationError: SageMaker may not assume the role, or the request contradicts itself.
        """
        if training_job_name in self.training_jobs:
            arn = self.training_jobs[training_job_name].arn
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({arn})"
            )
        check_spot(request, self.account_id)
        try:
            if request.get("checkpoint_config"):
                checkpoint_directory(request["checkpoint_config"])
            session = assume_role(role_arn, SAGEMAKER, training_job_name, self.region_name)
        except (AccessDenied, CheckpointPathError) as denial:
            raise ValidationError(str(denial)) from denial
        job = LocalTrainingJob(
            environment,
            account_id=self.account_id,
            region_name=self.region_name,
            training_job_name=training_job_name,
            role_arn=role_arn,
            **request,
        )
        run = TrainingRun(job, session, watch or Watch())
        self.training_jobs[training_job_name] = job
        self._training_runs[training_job_name] = run
        threading.Thread(target=run.run, name=training_job_name, daemon=True).start()
        return job

    def stop_training_job(self, training_job_name: str) -> None:
        """Ask a training job to stop; its status becomes ``Stopping`` and then ``Stopped``.

        Raises:
            ValidationError: The job does not exist or is over.
        """
        self.describe_training_job(training_job_name)
        job = self.training_jobs[training_job_name]
        if job.ended:
            raise ValidationError(
                f"The request was rejected because the training job is in status {job.training_job_status}."
            )
        self._training_runs[training_job_name].request_stop()
