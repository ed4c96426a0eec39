"""Processing jobs: moto stores them, and processes do the work."""

import threading
from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.services.sagemaker.processing.record import LocalProcessingJob
from localcloud.services.sagemaker.processing.run import ProcessingRun

_DATA = "/opt/ml/processing/"


class ProcessingJobs(SageMakerModelBackend):
    """SageMaker's processing jobs."""

    processing_jobs: dict[str, LocalProcessingJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._processing_runs: dict[str, ProcessingRun] = {}

    def create_processing_job(  # type: ignore[override]
        self, processing_job_name: str, role_arn: str, **request: Any
    ) -> LocalProcessingJob:
        """Start a processing job.

        Raises:
            ResourceInUseException: A job with this name exists.
            ValidationError: An input or output is invalid, or SageMaker may not assume the role.
        """
        if processing_job_name in self.processing_jobs:
            arn = self.processing_jobs[processing_job_name].arn
            raise ResourceInUseException(
                "Processing job names must be unique within an AWS account and region, "
                f"and a processing job with this name already exists ({arn})"
            )
        _check_data(request)
        try:
            session = assume_role(role_arn, SAGEMAKER, processing_job_name, self.region_name)
        except AccessDenied as denial:
            raise ValidationError(str(denial)) from denial
        job = LocalProcessingJob(
            processing_job_name=processing_job_name,
            role_arn=role_arn,
            account_id=self.account_id,
            region_name=self.region_name,
            **request,
        )
        run = ProcessingRun(job, session)
        self.processing_jobs[processing_job_name] = job
        self._processing_runs[processing_job_name] = run
        job.announce()
        threading.Thread(target=run.run, name=processing_job_name, daemon=True).start()
        return job

    def stop_processing_job(self, processing_job_name: str) -> None:
        """Ask a processing job to stop; its status becomes ``Stopping`` and then ``Stopped``.

        Raises:
            ValidationError: The job does not exist or is over.
        """
        self.describe_processing_job(processing_job_name)
        job = self.processing_jobs[processing_job_name]
        if job.ended:
            raise ValidationError(
                f"The request was rejected because the processing job is in status {job.processing_job_status}."
            )
        self._processing_runs[processing_job_name].request_stop()


def _check_data(request: Mapping[str, Any]) -> None:
    """Validate a job's inputs and outputs."""
    outputs = (request["processing_output_config"] or {}).get("Outputs") or []
    for kind, items in (("Input", request["processing_inputs"] or []), ("Output", outputs)):
        for item in items:
            name = item[f"{kind}Name"]
            location = item.get(f"S3{kind}")
            if location is None:
                raise ValidationError(
                    f"{kind} {name!r} is not in S3; the local cloud supports no other {kind.lower()}s."
                )
            if not location.get("LocalPath", "").startswith(_DATA):
                raise ValidationError(
                    f"{kind} {name!r} has the LocalPath {location.get('LocalPath')!r}; it must begin with {_DATA}."
                )
            if location.get("S3InputMode", "File") != "File":
                raise ValidationError(f"Input {name!r} has the S3InputMode Pipe; the local cloud supports only File.")
            if location.get("S3CompressionType", "None") != "None":
                raise ValidationError(f"Input {name!r} has a S3CompressionType, which needs the S3InputMode Pipe.")
