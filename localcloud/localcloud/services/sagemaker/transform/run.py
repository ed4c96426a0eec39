"""Run of a transform job: downloads the model, serves it, sends the data through it, uploads the results."""

from __future__ import annotations

import collections
import contextlib
import gzip
import shutil
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.authorization.network_interfaces import connect_to_vpc
from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import state_dir
from localcloud.runtime.container_environment import TRANSFORM, container_environment
from localcloud.runtime.images import Image, pull
from localcloud.runtime.s3_data import (
    DataError,
    S3Uri,
    channel_objects,
    download_channel,
    download_file,
    unpack_archive,
)
from localcloud.services.sagemaker.common.job_run import JobRun, at_once, failure_reason
from localcloud.services.sagemaker.common.keys import require_keys
from localcloud.services.sagemaker.common.model_containers import ContainerDefinition
from localcloud.services.sagemaker.transform.data import DataProcessing, Record, TransformDataError, batches, split
from localcloud.services.sagemaker.transform.instance import TransformWorker
from localcloud.services.sagemaker.transform.record import LocalTransformJob

T = TypeVar("T")
R = TypeVar("R")

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class TransformModel:
    """The model of a transform job.

    Attributes:
        container: Its container.
        session: Session of its role, which reads and writes the data.
        isolated: The container gets no credentials.
        vpc_config: Its VPC, if it has one.
    """

    container: ContainerDefinition
    session: RoleSession
    isolated: bool
    vpc_config: Mapping[str, Any] | None


class _Stopped(LocalCloudError):
    """The job was asked to stop."""


class TransformRun(JobRun):
    """A running transform job.

    Args:
        job: Its record, kept up to date here.
        model: The model.
        processing: Processing of records before and after the container.
    """

    def __init__(self, job: LocalTransformJob, model: TransformModel, processing: DataProcessing):
        self._stopping = threading.Event()
        super().__init__(job, wake=self._stopping.set)
        self._job = job
        self._model = model
        self._session = model.session
        self._processing = processing
        self._directory = state_dir() / "transform-jobs" / job.transform_job_name
        self._concurrent = max(1, int(job.max_concurrent_transforms or 1))
        self._headers = {
            name: str(value)
            for name, value in (
                ("Content-Type", job.transform_input.get("ContentType")),
                ("Accept", job.transform_output.get("Accept")),
            )
            if value
        }

    def run(self) -> None:
        """Run the job; its record holds the result."""
        try:
            shutil.rmtree(self._directory, ignore_errors=True)
            image = self._bring()
            self._transform(image)
        except _Stopped:
            self._end(None)
        except Exception as error:
            self._end(failure_reason(error, self._job.transform_job_name))
        else:
            self._end(None)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _bring(self) -> Image:
        connect_to_vpc(self._session, self._model.vpc_config)
        volume = self._job.transform_resources.get("VolumeKmsKeyId")
        output = self._job.transform_output.get("KmsKeyId")
        require_keys(self._session, volume=str(volume or ""), output=str(output or ""))
        image = pull(self._model.container.image, self._session).require("serve")
        model = self._directory / "base" / "model"
        model.mkdir(parents=True)
        if self._model.container.model_data_url:
            archive = self._directory / "model.tar.gz"
            download_file(self._session, self._model.container.model_data_url, archive)
            unpack_archive(archive, model)
            archive.unlink()
        return image

    def _transform(self, image: Image) -> None:
        count = int(self._job.transform_resources.get("InstanceCount", 1))
        workers: list[TransformWorker] = []
        try:
            for _ in range(count):
                self._check_stop()
                workers.append(self._worker(image))
            threading.Thread(target=self._guard, args=(workers,), daemon=True).start()
            for worker in workers:
                worker.wait()
            self._check_stop()
            self._job.begin()
            with ThreadPoolExecutor(count) as pool:
                shares = [pool.submit(self._share, worker, number, count) for number, worker in enumerate(workers)]
            errors = [error for share in shares if (error := share.exception())]
            # Prefer the error that made the other instances stop.
            for error in sorted(errors, key=lambda error: isinstance(error, _Stopped)):
                raise error
        finally:
            self._stopping.set()
            at_once(worker.stop for worker in workers)

    def _guard(self, workers: list[TransformWorker]) -> None:
        """End the containers when the job is stopped, because a running request may take long."""
        self._stopping.wait()
        at_once(worker.stop for worker in workers)

    def _worker(self, image: Image) -> TransformWorker:
        job = self._job
        strategy = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[job.batch_strategy]
        return TransformWorker(
            image,
            base_directory=self._directory / "base",
            environ=container_environment(
                TRANSFORM,
                self._session,
                requested={**self._model.container.environ, **job.environment},
                given={
                    "SAGEMAKER_BATCH": "true",
                    "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(job.max_payload_in_mb),
                    "SAGEMAKER_BATCH_STRATEGY": strategy,
                    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self._concurrent),
                },
                isolated=self._model.isolated,
            ),
            session=self._session,
            job_name=job.transform_job_name,
            client_config=job.model_client_config or {},
            stopping=self._stopping,
        )

    def _share(self, worker: TransformWorker, number: int, count: int) -> None:
        """Send one instance's share of the objects through its container."""
        transform_input: dict[str, Any] = self._job.transform_input
        source = {**transform_input["DataSource"]["S3DataSource"], "S3DataDistributionType": "ShardedByS3Key"}
        channel = {"ChannelName": "input", "DataSource": {"S3DataSource": source}}
        try:
            for uri, name in channel_objects(self._session, channel, number, count):
                self._check_stop()
                self._object(worker, uri, name, self._directory / f"instance-{number}")
        except Exception as error:
            if self._stopping.is_set():  # Its container has been ended.
                raise _Stopped from error
            self._stopping.set()  # The work of the other instances is useless now.
            if isinstance(error, TransformDataError):
                worker.note(f"ClientError: {error}")
            raise

    def _object(self, worker: TransformWorker, uri: S3Uri, name: str, scratch: Path) -> None:
        """Send one object through a container; upload its output when it is complete."""
        download_channel(self._session, [(uri, name)], scratch)
        source, target = scratch / name, scratch / f"{name}.out"

        def answered(batch: list[Record]) -> bytes:
            self._check_stop()
            body = self._processing.separator.join(record.sent for record in batch)
            answer = worker.invoke(body, self._headers, str(uri))
            return self._processing.outputs(batch, answer)

        largest = int(self._job.max_payload_in_mb) * _MEGABYTE or None
        try:
            with self._opened(source) as stream, target.open("wb") as output:
                records = (self._processing.record(record) for record in split(stream, self._processing.split_type))
                requests = batches(
                    records,
                    separator=self._processing.separator,
                    largest_bytes=largest,
                    single=self._job.batch_strategy == "SingleRecord",
                )
                for outcome in _in_order(answered, requests, self._concurrent):
                    output.write(outcome)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise TransformDataError(f"{uri} is not Gzip: {error}") from error
        self._check_stop()
        self._put(target, f"{name}.out")
        source.unlink()
        target.unlink()

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[IO[bytes]]:
        compressed = self._job.transform_input.get("CompressionType") == "Gzip"
        with gzip.open(path) if compressed else path.open("rb") as stream:
            yield cast("IO[bytes]", stream)

    def _put(self, path: Path, name: str) -> None:
        output = self._job.transform_output
        uri = S3Uri.parse(output["S3OutputPath"]) / name
        kms_key_id = output.get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        try:
            with path.open("rb") as body:
                self._session.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body, **encryption)
        except (ClientError, BotoCoreError) as error:
            raise DataError(f"Output upload failed: {uri}: {error}") from error

    def _check_stop(self) -> None:
        if self._stopping.is_set():
            raise _Stopped

    def _end(self, reason: str | None) -> None:
        with self._lock:
            if self._stop_requested:
                self._job.enter("Stopped")
            elif reason is None:
                self._job.enter("Completed")
            else:
                self._job.enter("Failed", reason)


def _in_order(work: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[R]:
    """Yield the result of ``work`` for each item in order, running ``at_once`` of them in parallel."""
    waiting: collections.deque[Future[R]] = collections.deque()
    with ThreadPoolExecutor(at_once) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
