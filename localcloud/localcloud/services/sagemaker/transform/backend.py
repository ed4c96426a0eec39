"""Transform jobs: moto stores them, and serving containers do the work."""

import threading
from typing import Any

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.services.sagemaker.common.model_containers import DeploymentFailed, container_of, sole_container
from localcloud.services.sagemaker.transform.data import DataProcessing, TransformDataError
from localcloud.services.sagemaker.transform.record import DEFAULT_PAYLOAD_MB, LocalTransformJob
from localcloud.services.sagemaker.transform.run import TransformModel, TransformRun

_LARGEST_PAYLOAD_MB = 100


class TransformJobs(SageMakerModelBackend):
    """SageMaker's transform jobs."""

    transform_jobs: dict[str, LocalTransformJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._transform_runs: dict[str, TransformRun] = {}

    def create_transform_job(self, transform_job_name: str, **request: Any) -> LocalTransformJob:  # type: ignore[override]
        """Start a transform job.

        Raises:
            ResourceInUseException: A job with this name exists.
            ValidationError: The model does not exist, SageMaker may not assume its role, or the request contradicts
                itself.
        """
        if transform_job_name in self.transform_jobs:
            arn = self.transform_jobs[transform_job_name].arn
            raise ResourceInUseException(
                "Transform job names must be unique within an AWS account and region, "
                f"and a transform job with this name already exists ({arn})"
            )
        _check_payload(request["max_payload_in_mb"], request["max_concurrent_transforms"])
        if request["data_capture_config"]:
            raise ValidationError("DataCaptureConfig: the local cloud does not support data capture of transform jobs.")
        try:
            processing = DataProcessing(
                request["transform_input"], request["transform_output"], request["data_processing"]
            )
            model = self._transform_model(request["model_name"], transform_job_name)
        except (TransformDataError, DeploymentFailed, AccessDenied) as error:
            raise ValidationError(str(error)) from error
        job = LocalTransformJob(
            account_id=self.account_id,
            region_name=self.region_name,
            transform_job_name=transform_job_name,
            **request,
        )
        run = TransformRun(job, model, processing)
        self.transform_jobs[transform_job_name] = job
        self._transform_runs[transform_job_name] = run
        job.announce()
        threading.Thread(target=run.run, name=transform_job_name, daemon=True).start()
        return job

    def stop_transform_job(self, transform_job_name: str) -> None:
        """Ask a transform job to stop; its status becomes ``Stopping`` and then ``Stopped``.

        Raises:
            ValidationError: The job does not exist or is over.
        """
        self.describe_transform_job(transform_job_name)
        job = self.transform_jobs[transform_job_name]
        if job.ended:
            raise ValidationError(
                f"The request was rejected because the transform job is in status {job.transform_job_status}."
            )
        self._transform_runs[transform_job_name].request_stop()

    def _transform_model(self, model_name: str, session_name: str) -> TransformModel:
        model = self.describe_model(model_name)
        container = container_of(self, sole_container(model))
        session = assume_role(model.execution_role_arn, SAGEMAKER, session_name, self.region_name)
        return TransformModel(container, session, isolated=model.enable_network_isolation, vpc_config=model.vpc_config)


def _check_payload(megabytes: int | None, concurrent: int | None) -> None:
    largest = (DEFAULT_PAYLOAD_MB if megabytes is None else int(megabytes)) * max(1, int(concurrent or 1))
    if largest > _LARGEST_PAYLOAD_MB:
        raise ValidationError(
            f"MaxConcurrentTransforms times MaxPayloadInMB is {largest}; at most {_LARGEST_PAYLOAD_MB} is allowed."
        )
