"""The work of one training job: bring the data, run the container, put the model.

The directories, files and variables are those of
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from topicsmith.local.checkpoints import CheckpointSync, checkpoint_directory
from topicsmith.local.containers import Container, container_credentials
from topicsmith.local.images import Image, ImageUnavailable, pull
from topicsmith.local.logs import LogStream
from topicsmith.local.metrics import BUILT_IN_DEFINITIONS, MetricRecorder, OnMetric
from topicsmith.local.pipe_mode import PipeFeed
from topicsmith.local.pipeline_events import send_job_change
from topicsmith.local.s3_data import DataError, S3Uri, channel_objects, download_channel, upload_archive
from topicsmith.local.settings import state_dir

if TYPE_CHECKING:
    from topicsmith.local.identity import RoleSession
    from topicsmith.local.training import LocalTrainingJob

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_CHANGED = "SageMaker Training Job State Change"

# SageMaker sends SIGTERM and gives an algorithm this long before SIGKILL.
_STOP_GRACE_SECONDS = 120
_LONGEST_REASON = 1024
# Where the hosts of a job meet: below the ports that this machine gives to whoever connects somewhere.
_PORTS = range(20_000, 32_768)


class _Failed(Exception):
    """The job failed; the message is its failure reason."""


@dataclass
class _Host:
    """One of the job's machines: a directory and a process."""

    name: str
    base: Path
    log: LogStream
    container: Container | None = None
    checkpoints: CheckpointSync | None = None
    pipes: list[PipeFeed] = field(default_factory=list)


@dataclass(frozen=True)
class Watch:
    """What somebody wants to know of a training job, and tells its containers.

    Attributes:
        environ: variables of the containers, beside those of the request.
        on_metric: is told of each metric as it comes.
        on_end: is called once, when the job is over.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    on_metric: OnMetric = lambda name, epoch, value: None
    on_end: Callable[[], None] = lambda: None


class TrainingRun:
    """One training job at work.

    Args:
        job: its record, which this keeps true.
        session: its role.
        watch: who looks on.
    """

    def __init__(self, job: LocalTrainingJob, session: RoleSession, watch: Watch):
        self._job = job
        self._session = session
        self._watch = watch
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stop_requested = False
        self._limit: str | None = None
        self._directory = state_dir() / "jobs" / job.training_job_name
        stamp = time.time_ns() // 1_000_000
        count = int(job.resource_config.get("InstanceCount", 1))
        self._hosts = [
            _Host(
                f"algo-{number}",
                self._directory / f"algo-{number}",
                LogStream(session, LOG_GROUP, f"{job.training_job_name}/algo-{number}-{stamp}"),
            )
            for number in range(1, count + 1)
        ]

    def request_stop(self) -> None:
        """Ask the job to stop; nothing happens when it is over."""
        with self._lock:
            if self._job.ended:
                return
            self._job.training_job_status = "Stopping"
            self._job.enter("Stopping", "Stopping the training job")
            self._stop_requested = True
        self._tell()
        self._changed.set()

    def run(self) -> None:
        """Do the job; its record tells how it went."""
        self._tell()
        try:
            self._work()
        finally:
            self._watch.on_end()
            self._tell()

    def _work(self) -> None:
        job = self._job
        try:
            image = self._pull()
            definitions = job.algorithm_specification["MetricDefinitions"]
            metrics = MetricRecorder(definitions, self._session, self._watch.on_metric)
            try:
                self._download()
                self._train(image, metrics)
            finally:
                for pipe in self._pipes():
                    pipe.close()
                for checkpoints in self._checkpoints():
                    checkpoints.close()
            if loss := next((one.failure for one in self._checkpoints() if one.failure), None):
                raise loss
            self._upload()
        except (_Failed, DataError, ImageUnavailable) as failure:
            reason = str(failure) if isinstance(failure, _Failed) else f"ClientError: {failure}"
            self._fail(reason)
        except Exception as error:
            logger.exception("Training job %s broke", job.training_job_name)
            self._fail(f"InternalServerError: {type(error).__name__}: {error}")
        else:
            self._finish()

    def _tell(self) -> None:
        """Send the event of a change of the job's status."""
        send_job_change(_CHANGED, self._job.arn, self._job.response_object)

    def _pull(self) -> Image:
        job = self._job
        image = pull(job.algorithm_specification["TrainingImage"], self._session).require("train")
        if image.stand_in:
            job.algorithm_specification["MetricDefinitions"] = (
                job.algorithm_specification["MetricDefinitions"] or BUILT_IN_DEFINITIONS
            )
            for host in self._hosts:
                host.log.write(
                    [f"Local cloud: {image.directory.name}, this project's container, stands in for {image.uri}."]
                )
        return image

    def _download(self) -> None:
        self._job.enter("Downloading", "Downloading input data")
        names = [host.name for host in self._hosts]
        for number, host in enumerate(self._hosts):
            for folder in ("input/config", "input/data", "model", "output/data"):
                (host.base / folder).mkdir(parents=True, exist_ok=True)
            self._write_configuration(host, names)
            if config := self._job.checkpoint_config:
                uri, directory = S3Uri.parse(config["S3Uri"]), host.base / checkpoint_directory(config)
                host.checkpoints = CheckpointSync(self._session, uri, directory)
                host.checkpoints.restore()
            for channel in self._job.input_data_config or []:
                if self._stop_requested:
                    return
                target = host.base / "input" / "data" / channel["ChannelName"]
                objects = channel_objects(self._session, channel, number, len(names))
                if self._input_mode(channel) == "Pipe":
                    uris = [uri for uri, _ in objects]
                    host.pipes.append(PipeFeed(self._session, channel, uris, target, self._changed.set))
                else:
                    download_channel(self._session, objects, target)

    def _input_mode(self, channel: dict[str, Any]) -> str:
        """Return the channel's own mode, or the job's."""
        return str(channel.get("InputMode") or self._job.algorithm_specification.get("TrainingInputMode") or "File")

    def _pipes(self) -> list[PipeFeed]:
        return [pipe for host in self._hosts for pipe in host.pipes]

    def _checkpoints(self) -> list[CheckpointSync]:
        return [host.checkpoints for host in self._hosts if host.checkpoints]

    def _pipe_failure(self) -> DataError | None:
        return next((pipe.failure for pipe in self._pipes() if pipe.failure), None)

    def _write_configuration(self, host: _Host, names: list[str]) -> None:
        job = self._job
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
        job.training_start_time = utcnow()
        deadline, limit = self._deadline()
        meeting = _meeting() if len(self._hosts) > 1 else {}
        for host in self._hosts:
            host.container = self._start(image, host, metrics, meeting)
        while self._running() and not (self._failed_host() or self._pipe_failure() or self._stop_requested):
            left = deadline - time.monotonic()
            if left <= 0:
                self._limit = limit
                break
            self._changed.wait(left)
            self._changed.clear()
        failed = self._failed_host()  # Those that are ended now have an exit code too.
        self._end_containers()
        job.final_metric_data_list = metrics.final
        if self._stop_requested or self._limit:
            return
        if pipe_failure := self._pipe_failure():
            raise pipe_failure
        if failed := failed or self._failed_host():
            raise _Failed(_algorithm_error(failed))

    def _deadline(self) -> tuple[float, str]:
        """Return when the job must end, on the monotonic clock, and the limit that is reached then.

        A spot instance is always there in the local cloud: of the longest wait only what the job takes counts.
        """
        condition = self._job.stopping_condition
        now = time.monotonic()
        waited = (utcnow() - self._job.creation_time).total_seconds()
        deadlines = [(now + int(condition["MaxRuntimeInSeconds"]), "MaxRuntime")]
        if longest := condition.get("MaxWaitTimeInSeconds"):
            deadlines.append((now - waited + int(longest), "MaxWaitTime"))
        return min(deadlines)

    def _start(self, image: Image, host: _Host, metrics: MetricRecorder, meeting: Mapping[str, str]) -> Container:
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
                **job.environment,
                **container_credentials(self._session, isolated=job.enable_network_isolation),
                "TRAINING_JOB_NAME": job.training_job_name,
                "TRAINING_JOB_ARN": job.arn,
            },
            on_output=consume,
            on_exit=self._changed.set,
        )

    def _running(self) -> list[Container]:
        return [host.container for host in self._hosts if host.container and host.container.exit_code is None]

    def _failed_host(self) -> _Host | None:
        return next((host for host in self._hosts if host.container and host.container.exit_code), None)

    def _end_containers(self) -> None:
        grace = 0 if self._failed_host() or self._pipe_failure() else _STOP_GRACE_SECONDS
        stopping = [threading.Thread(target=container.stop, args=(grace,)) for container in self._running()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

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
        for host in self._hosts:
            host.log.write([f"Local cloud: {reason}"])
        with self._lock:
            self._job.failure_reason = reason[:_LONGEST_REASON]
            self._job.finish("Failed", "Failed", "Training job failed")


def _meeting() -> dict[str, str]:
    """Return the variables by which PyTorch's processes find the first host: names like algo-1 mean nothing here."""
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(next(_free_ports()))}


def _free_ports() -> Iterator[int]:
    """Yield ports on which nobody listens, in no order, as jobs next to each other share this machine."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            yield port


def _algorithm_error(host: _Host) -> str:
    """Return the reason of a container that exited with an error: what it wrote to ``output/failure``."""
    assert host.container is not None
    failure = host.base / "output" / "failure"
    reason = failure.read_text("utf-8", "replace").strip() if failure.is_file() else ""
    code = f", exit code: {host.container.exit_code}"
    return f"AlgorithmError: {reason[: _LONGEST_REASON - 32]}{code}"
