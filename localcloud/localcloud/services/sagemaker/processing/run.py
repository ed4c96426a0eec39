"""Run of a processing job: downloads the inputs, runs the containers, uploads the outputs.

Directories and files:
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from localcloud.authorization.network_interfaces import connect_to_vpc
from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import state_dir
from localcloud.runtime.container_environment import PROCESSING, container_environment
from localcloud.runtime.containers import Container
from localcloud.runtime.images import Image, pull
from localcloud.runtime.s3_data import channel_objects, download_channel
from localcloud.services.sagemaker.common.job_run import Host, Hosts, JobFailed, JobRun, failure_reason
from localcloud.services.sagemaker.common.keys import require_keys
from localcloud.services.sagemaker.processing.command import command_of, environment_of, local_path
from localcloud.services.sagemaker.processing.outputs import OutputUpload
from localcloud.services.sagemaker.processing.record import LocalProcessingJob

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"

_LONGEST_MESSAGE = 1024


class ProcessingRun(JobRun):
    """A running processing job.

    Args:
        job: Its record, kept up to date here.
        session: Session of its role.
    """

    def __init__(self, job: LocalProcessingJob, session: RoleSession):
        self._hosts = Hosts(
            session,
            log_group=LOG_GROUP,
            job_name=job.processing_job_name,
            directory=state_dir() / "processing-jobs" / job.processing_job_name,
            count=int(job.processing_resources["ClusterConfig"].get("InstanceCount", 1)),
        )
        super().__init__(job, wake=self._hosts.wake)
        self._job = job
        self._session = session
        self._timed_out = False

    def run(self) -> None:
        """Run the job; its record holds the result."""
        job = self._job
        try:
            connect_to_vpc(self._session, (job.network_config or {}).get("VpcConfig"))
            volume = job.processing_resources["ClusterConfig"].get("VolumeKmsKeyId")
            require_keys(self._session, volume=volume, output=(job.processing_output_config or {}).get("KmsKeyId"))
            image = pull(job.app_specification["ImageUri"], self._session)
            self._download()
            uploads = self._uploads()
            self._process(image, uploads)
            if not self._stop_requested and not self._timed_out:
                for upload in uploads:
                    upload.finish()
        except Exception as error:
            self._fail(failure_reason(error, job.processing_job_name))
        else:
            self._finish()

    def _download(self) -> None:
        for number, host in enumerate(self._hosts):
            for folder in ("config", "output"):
                (host.base / folder).mkdir(parents=True, exist_ok=True)
            self._write_configuration(host)
            for item in self._job.processing_inputs or []:
                if self._stop_requested:
                    return
                source = item["S3Input"]
                channel = {
                    "ChannelName": item["InputName"],
                    "DataSource": {
                        "S3DataSource": {
                            "S3Uri": source["S3Uri"],
                            "S3DataType": source.get("S3DataType", "S3Prefix"),
                            "S3DataDistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
                        }
                    },
                }
                objects = channel_objects(self._session, channel, number, len(self._hosts.names))
                download_channel(self._session, objects, local_path(source["LocalPath"], host.base))

    def _write_configuration(self, host: Host) -> None:
        job = self._job
        configuration: dict[str, Any] = {
            "processingjobconfig": {
                "ProcessingJobArn": job.arn,
                "ProcessingJobName": job.processing_job_name,
                "AppSpecification": job.app_specification,
                "Environment": job.environment,
                "ProcessingInputs": job.processing_inputs or [],
                "ProcessingOutputConfig": job.processing_output_config or {},
                "ProcessingResources": job.processing_resources,
                "RoleArn": job.role_arn,
                "StoppingCondition": job.stopping_condition,
            },
            "resourceconfig": {"current_host": host.name, "hosts": self._hosts.names},
        }
        for name, content in configuration.items():
            (host.base / "config" / f"{name}.json").write_text(json.dumps(content, indent=1))

    def _uploads(self) -> list[OutputUpload]:
        config = self._job.processing_output_config or {}
        uploads = []
        for host in self._hosts:
            for output in config.get("Outputs") or []:
                directory = local_path(output["S3Output"]["LocalPath"], host.base)
                directory.mkdir(parents=True, exist_ok=True)
                uploads.append(OutputUpload(self._session, output["S3Output"], directory, config.get("KmsKeyId")))
        return uploads

    def _process(self, image: Image, uploads: list[OutputUpload]) -> None:
        job = self._job
        if self._stop_requested:
            return
        job.begin()
        deadline = time.monotonic() + int(job.stopping_condition["MaxRuntimeInSeconds"])
        try:
            for host in self._hosts:
                host.container = self._start(image, host)
            pause = min((upload.pause_seconds for upload in uploads), default=threading.TIMEOUT_MAX)
            while self._hosts.at_work and not self._stop_requested:
                if not self._hosts.wait(deadline, pause):
                    self._timed_out = True
                    break
                for upload in uploads:
                    upload.update()
        finally:
            self._hosts.stop()
        job.exit_message = next((text for host in self._hosts if (text := _message(host))), None)
        if self._hosts.failed and not self._stop_requested and not self._timed_out:
            raise JobFailed("AlgorithmError: See job logs for more information")

    def _start(self, image: Image, host: Host) -> Container:
        job = self._job
        isolated = bool((job.network_config or {}).get("EnableNetworkIsolation"))
        return Container(
            image,
            "process",
            base_directory=host.base,
            environ=container_environment(
                PROCESSING, self._session, requested=environment_of(job.environment, host.base), isolated=isolated
            ),
            on_output=host.log.write,
            on_exit=self._hosts.wake,
            command=command_of(image, job.app_specification, host.base),
        )

    def _finish(self) -> None:
        with self._lock:
            if self._stop_requested:
                self._job.enter("Stopped")
            elif self._timed_out:
                self._job.enter("Stopped", "ClientError: Processing job stopped: MaxRuntimeExceeded")
            else:
                self._job.enter("Completed")

    def _fail(self, reason: str) -> None:
        self._hosts.note(reason)
        with self._lock:
            self._job.enter("Failed", reason)


def _message(host: Host) -> str | None:
    """Return the exit message that a container left in ``output/message``."""
    path = host.base / "output" / "message"
    text = path.read_text("utf-8", "replace").strip() if path.is_file() else ""
    return text[:_LONGEST_MESSAGE] or None
