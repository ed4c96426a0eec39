"""Run of a training job: downloads the data, runs the containers, uploads the model.

Directories, files and variables:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow

from localcloud.authorization.network_interfaces import connect_to_vpc
from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import state_dir
from localcloud.runtime.container_environment import TRAINING, container_environment
from localcloud.runtime.containers import Container
from localcloud.runtime.images import Image, pull
from localcloud.runtime.s3_data import DataError, S3Uri, channel_objects, download_channel, upload_archive
from localcloud.services.sagemaker.common.job_run import INTERNAL_ERROR, Host, Hosts, JobFailed, JobRun, failure_reason
from localcloud.services.sagemaker.common.keys import require_keys
from localcloud.services.sagemaker.training.built_in import built_in_definitions
from localcloud.services.sagemaker.training.checkpoints import CheckpointSync, checkpoint_directory
from localcloud.services.sagemaker.training.metrics import MetricRecorder, OnMetric
from localcloud.services.sagemaker.training.pipe_mode import PipeFeed
from localcloud.services.sagemaker.training.record import LocalTrainingJob

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_LONGEST_REASON = 1024
# Rendezvous ports of a job's hosts, below this machine's ephemeral ports.
_PORTS = range(20_000, 32_768)


@dataclass(frozen=True)
class Watch:
    """Observer of a training job that can also add to its environment.

    Attributes:
        environ: Environment variables of the containers, beside the request's.
        on_metric: Called for each metric value.
        on_end: Called once when the job is over.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    on_metric: OnMetric = lambda name, epoch, value: None
    on_end: Callable[[], None] = lambda: None


class TrainingRun(JobRun):
    """A running training job.

    Args:
        job: Its record, kept up to date here.
        session: Session of its role.
        watch: Its observer.
    """

    def __init__(self, job: LocalTrainingJob, session: RoleSession, watch: Watch):
        super().__init__(job, wake=lambda: self._hosts.wake())
        self._job = job
        self._session = session
        self._watch = watch
        self._limit: str | None = None
        self._directory = state_dir() / "jobs" / job.training_job_name
        self._began: float | None = None
        self._provide_hosts()

    def run(self) -> None:
        """Run the job; its record holds the result."""
        self._job.announce()
        try:
            self._work()
        finally:
            self._watch.on_end()
            self._job.announce()

    def _provide_hosts(self) -> None:
        """Provide fresh hosts."""
        job = self._job
        count = int(job.resource_config.get("InstanceCount", 1))
        self._hosts = Hosts(
            self._session, log_group=LOG_GROUP, job_name=job.training_job_name, directory=self._directory, count=count
        )
        self._pipes: list[PipeFeed] = []
        self._checkpoints: list[CheckpointSync] = []

    def _work(self) -> None:
        """Run the job, and retry it after internal errors within its ``RetryStrategy``.

        A container that exits with an error or is killed, even for lack of memory, is not an internal error.
        See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RetryStrategy.html.
        """
        job = self._job
        retries = int((job.retry_strategy or {}).get("MaximumRetryAttempts", 0))
        while True:
            try:
                self._attempt()
            except Exception as error:
                reason = failure_reason(error, job.training_job_name)
                if not retries or self._stop_requested or not reason.startswith(INTERNAL_ERROR):
                    return self._fail(reason)
                retries -= 1
                self._hosts.note(f"{reason}; the job is tried again.")
                shutil.rmtree(self._directory, ignore_errors=True)
                self._provide_hosts()
                job.enter("Starting", "Retrying the training job")
            else:
                return self._finish()

    def _attempt(self) -> None:
        connect_to_vpc(self._session, self._job.vpc_config)
        volume = self._job.resource_config.get("VolumeKmsKeyId")
        output = self._job.output_data_config.get("KmsKeyId")
        require_keys(self._session, volume=volume, output=output)
        image = self._pull()
        definitions = self._job.algorithm_specification["MetricDefinitions"]
        metrics = MetricRecorder(definitions, self._session, self._watch.on_metric)
        try:
            self._download()
            self._train(image, metrics)
        finally:
            for pipe in self._pipes:
                pipe.close()
            for checkpoints in self._checkpoints:
                checkpoints.close()
        if loss := next((one.failure for one in self._checkpoints if one.failure), None):
            raise loss
        self._upload()

    def _pull(self) -> Image:
        job = self._job
        image = pull(job.algorithm_specification["TrainingImage"], self._session).require("train")
        specification = job.algorithm_specification
        if not specification["MetricDefinitions"]:
            specification["MetricDefinitions"] = built_in_definitions(image.uri, self._session.role_arn)
        if image.stand_in:
            self._hosts.note(f"{image.directory} stands in for {image.uri}.")
        return image

    def _download(self) -> None:
        self._job.enter("Downloading", "Downloading input data")
        for number, host in enumerate(self._hosts):
            for folder in ("input/config", "input/data", "model", "output/data"):
                (host.base / folder).mkdir(parents=True, exist_ok=True)
            self._write_configuration(host)
            if config := self._job.checkpoint_config:
                uri, directory = S3Uri.parse(config["S3Uri"]), host.base / checkpoint_directory(config)
                checkpoints = CheckpointSync(self._session, uri, directory)
                self._checkpoints.append(checkpoints)
                checkpoints.restore()
            for channel in self._job.input_data_config or []:
                if self._stop_requested:
                    return
                target = host.base / "input" / "data" / channel["ChannelName"]
                objects = channel_objects(self._session, channel, number, len(self._hosts.names))
                if self._input_mode(channel) == "Pipe":
                    uris = [uri for uri, _ in objects]
                    self._pipes.append(PipeFeed(self._session, channel, uris, target, self._hosts.wake))
                else:
                    download_channel(self._session, objects, target)

    def _input_mode(self, channel: dict[str, Any]) -> str:
        """Return the input mode of a channel, which defaults to the job's."""
        return str(channel.get("InputMode") or self._job.algorithm_specification.get("TrainingInputMode") or "File")

    def _pipe_failure(self) -> DataError | None:
        return next((pipe.failure for pipe in self._pipes if pipe.failure), None)

    def _write_configuration(self, host: Host) -> None:
        job, names = self._job, self._hosts.names
        instance_type = job.resource_config.get("InstanceType")
        configuration: dict[str, Any] = {
            "hyperparameters": job.hyper_parameters or {},
            "inputdataconfig": {
                channel["ChannelName"]: {
                    "TrainingInputMode": self._input_mode(channel),
                    "S3DistributionType": channel["DataSource"]
                    .get("S3DataSource", {})
                    .get("S3DataDistributionType", "FullyReplicated"),
                    "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                    **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
                }
                for channel in job.input_data_config or []
            },
            "resourceconfig": {
                "current_host": host.name,
                "current_instance_type": instance_type,
                "current_group_name": "homogeneousCluster",
                "hosts": names,
                "instance_groups": [
                    {
                        "instance_group_name": "homogeneousCluster",
                        "instance_type": instance_type,
                        "hosts": names,
                    }
                ],
                "network_interface_name": "lo",
            },
        }
        for name, content in configuration.items():
            (host.base / "input" / "config" / f"{name}.json").write_text(json.dumps(content, indent=1))

    def _train(self, image: Image, metrics: MetricRecorder) -> None:
        job = self._job
        if self._stop_requested:
            return
        job.enter("Training", "Training image download completed. Training in progress.")
        if self._began is None:
            self._began, job.training_start_time = time.monotonic(), utcnow()
        deadline, limit = self._deadline(self._began)
        failed = None
        try:
            meeting = _meeting() if len(self._hosts.names) > 1 else {}
            for host in self._hosts:
                host.container = self._start(image, host, metrics, meeting)
            while self._hosts.at_work and not (self._pipe_failure() or self._stop_requested):
                if not self._hosts.wait(deadline):
                    self._limit = limit
                    break
            failed = self._hosts.failed  # Stopping the others gives them exit codes, too.
        finally:
            self._hosts.stop(immediately=self._pipe_failure() is not None)
        job.final_metric_data_list = metrics.final
        if self._stop_requested or self._limit:
            return
        if pipe_failure := self._pipe_failure():
            raise pipe_failure
        if failed := failed or self._hosts.failed:
            raise JobFailed(_algorithm_error(failed))

    def _deadline(self, began: float) -> tuple[float, str]:
        """Return the job's deadline on the monotonic clock, and the limit that sets it.

        The maximum runtime covers all attempts, from when the first one ``began``.
        The local cloud always has spot capacity: only the job's own time counts towards the maximum wait.
        """
        condition = self._job.stopping_condition
        waited = (utcnow() - self._job.creation_time).total_seconds()
        deadlines = [(began + int(condition["MaxRuntimeInSeconds"]), "MaxRuntime")]
        if longest := condition.get("MaxWaitTimeInSeconds"):
            deadlines.append((time.monotonic() - waited + int(longest), "MaxWaitTime"))
        return min(deadlines)

    def _start(self, image: Image, host: Host, metrics: MetricRecorder, meeting: Mapping[str, str]) -> Container:
        job = self._job

        def consume(lines: Sequence[str]) -> None:
            host.log.write(lines)
            metrics.read(lines, f"{job.training_job_name}/{host.name}")
            job.final_metric_data_list = metrics.final

        return Container(
            image,
            "train",
            base_directory=host.base,
            environ={
                **self._watch.environ,
                **meeting,
                **container_environment(
                    TRAINING,
                    self._session,
                    requested=job.environment,
                    given={"TRAINING_JOB_NAME": job.training_job_name, "TRAINING_JOB_ARN": job.arn},
                    isolated=job.enable_network_isolation,
                ),
            },
            on_output=consume,
            on_exit=self._hosts.wake,
        )

    def _upload(self) -> None:
        job = self._job
        if not self._stop_requested:
            job.enter("Uploading", "Uploading generated training model")
        output = S3Uri.parse(job.output_data_config["S3OutputPath"]) / job.training_job_name / "output"
        kms_key_id = job.output_data_config.get("KmsKeyId")
        model = output / "model.tar.gz"
        if upload_archive(self._session, [host.base / "model" for host in self._hosts], model, kms_key_id):
            job.model_artifacts = {"S3ModelArtifacts": str(model)}
        extra = [host.base / "output" / "data" for host in self._hosts]
        upload_archive(self._session, extra, output / "output.tar.gz", kms_key_id)

    def _finish(self) -> None:
        with self._lock:
            if self._stop_requested:
                self._job.finish("Stopped", "Stopped", "Training job stopped")
            elif self._limit:
                message = f"Training job runtime exceeded {self._limit}InSeconds"
                self._job.finish("Stopped", f"{self._limit}Exceeded", message)
            else:
                self._job.finish("Completed", "Completed", "Training job completed")

    def _fail(self, reason: str) -> None:
        self._hosts.note(reason)
        with self._lock:
            self._job.failure_reason = reason[:_LONGEST_REASON]
            self._job.finish("Failed", "Failed", "Training job failed")


def _meeting() -> dict[str, str]:
    """Return PyTorch's variables for finding the first host, because names like algo-1 do not resolve here."""
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(next(_free_ports()))}


def _free_ports() -> Iterator[int]:
    """Yield free ports in random order, because parallel jobs share this machine."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            yield port


def _algorithm_error(host: Host) -> str:
    """Return the failure reason of a container's error exit, from ``output/failure``."""
    assert host.container is not None
    failure = host.base / "output" / "failure"
    reason = failure.read_text("utf-8", "replace").strip() if failure.is_file() else ""
    code = f", exit code: {host.container.exit_code}"
    return f"AlgorithmError: {reason[: _LONGEST_REASON - 32]}{code}"
