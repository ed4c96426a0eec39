"""The work of one processing job: bring the inputs, run the containers, put the outputs.

The directories and files are those of
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topicsmith.local.containers import Container, container_credentials
from topicsmith.local.images import Image, ImageUnavailable, pull
from topicsmith.local.logs import LogStream
from topicsmith.local.processing_command import command_of, environment_of, local_path
from topicsmith.local.processing_outputs import OutputUpload
from topicsmith.local.s3_data import DataError, channel_objects, download_channel
from topicsmith.local.settings import state_dir

if TYPE_CHECKING:
    from topicsmith.local.identity import RoleSession
    from topicsmith.local.processing import LocalProcessingJob

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"

# SageMaker sends SIGTERM and gives a container this long before SIGKILL.
_STOP_GRACE_SECONDS = 120
_LONGEST_MESSAGE = 1024


class _Failed(Exception):
    """The job failed; the message is its failure reason."""


@dataclass
class _Host:
    """One of the job's machines: a directory and a process."""

    name: str
    base: Path
    log: LogStream
    container: Container | None = None


class ProcessingRun:
    """One processing job at work.

    Args:
        job: its record, which this keeps true.
        session: its role.
    """

    def __init__(self, job: LocalProcessingJob, session: RoleSession):
        self._job = job
        self._session = session
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stop_requested = False
        self._timed_out = False
        directory = state_dir() / "processing-jobs" / job.processing_job_name
        stamp = time.time_ns() // 1_000_000
        count = int(job.processing_resources["ClusterConfig"].get("InstanceCount", 1))
        self._hosts = [
            _Host(
                f"algo-{number}",
                directory / f"algo-{number}",
                LogStream(session, LOG_GROUP, f"{job.processing_job_name}/algo-{number}-{stamp}"),
            )
            for number in range(1, count + 1)
        ]

    def request_stop(self) -> None:
        """Ask the job to stop; nothing happens when it is over."""
        with self._lock:
            if self._job.ended or self._stop_requested:
                return
            self._stop_requested = True
            self._job.enter("Stopping")
        self._changed.set()

    def run(self) -> None:
        """Do the job; its record tells how it went."""
        job = self._job
        try:
            image = pull(job.app_specification["ImageUri"], self._session)
            self._download()
            uploads = self._uploads()
            self._process(image, uploads)
            if not self._stop_requested and not self._timed_out:
                for upload in uploads:
                    upload.finish()
        except (_Failed, DataError, ImageUnavailable) as failure:
            self._fail(str(failure) if isinstance(failure, _Failed) else f"ClientError: {failure}")
        except Exception as error:
            logger.exception("Processing job %s broke", job.processing_job_name)
            self._fail(f"InternalServerError: {type(error).__name__}: {error}")
        else:
            self._finish()

    def _download(self) -> None:
        names = [host.name for host in self._hosts]
        for number, host in enumerate(self._hosts):
            for folder in ("config", "output"):
                (host.base / folder).mkdir(parents=True, exist_ok=True)
            self._write_configuration(host, names)
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
                objects = channel_objects(self._session, channel, number, len(names))
                download_channel(self._session, objects, local_path(source["LocalPath"], host.base))

    def _write_configuration(self, host: _Host, names: list[str]) -> None:
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
            "resourceconfig": {"current_host": host.name, "hosts": names},
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
            while self._running() and not (self._failed_host() or self._stop_requested):
                left = deadline - time.monotonic()
                if left <= 0:
                    self._timed_out = True
                    break
                pause = min(upload.pause_seconds for upload in uploads) if uploads else left
                self._changed.wait(min(left, pause))
                self._changed.clear()
                for upload in uploads:
                    upload.update()
        finally:
            self._end_containers()
        failed = self._failed_host()
        job.exit_message = next((text for host in self._hosts if (text := _message(host))), None)
        if failed and not self._stop_requested and not self._timed_out:
            raise _Failed("AlgorithmError: See job logs for more information")

    def _start(self, image: Image, host: _Host) -> Container:
        job = self._job
        isolated = bool((job.network_config or {}).get("EnableNetworkIsolation"))
        return Container(
            image,
            "process",
            base_directory=host.base,
            environ={
                **environment_of(job.environment, host.base),
                **container_credentials(self._session, isolated=isolated),
            },
            on_output=host.log.write,
            on_exit=self._changed.set,
            command=command_of(image, job.app_specification, host.base),
        )

    def _running(self) -> list[Container]:
        return [host.container for host in self._hosts if host.container and host.container.exit_code is None]

    def _failed_host(self) -> _Host | None:
        return next((host for host in self._hosts if host.container and host.container.exit_code), None)

    def _end_containers(self) -> None:
        grace = 0 if self._failed_host() else _STOP_GRACE_SECONDS
        stopping = [threading.Thread(target=container.stop, args=(grace,)) for container in self._running()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _finish(self) -> None:
        with self._lock:
            if self._stop_requested:
                self._job.enter("Stopped")
            elif self._timed_out:
                self._job.enter("Stopped", "ClientError: Processing job stopped: MaxRuntimeExceeded")
            else:
                self._job.enter("Completed")

    def _fail(self, reason: str) -> None:
        for host in self._hosts:
            host.log.write([f"Local cloud: {reason}"])
        with self._lock:
            self._job.enter("Failed", reason)


def _message(host: _Host) -> str | None:
    """Return what a container left to say at its end, in ``output/message``."""
    path = host.base / "output" / "message"
    text = path.read_text("utf-8", "replace").strip() if path.is_file() else ""
    return text[:_LONGEST_MESSAGE] or None
