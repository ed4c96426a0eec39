"""Directories, files and environment variables of SageMaker's container contract.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntm.common.errors import InputError

TRAIN, VALIDATION, TEST, AUXILIARY = "train", "validation", "test", "auxiliary"
FILE, FAST_FILE, PIPE = "File", "FastFile", "Pipe"
RECORDIO = "application/x-recordio-protobuf"
_CHANNELS = (TRAIN, VALIDATION, TEST, AUXILIARY)


def base_directory() -> Path:
    """Return ``/opt/ml``, or the value of the environment variable SAGEMAKER_BASE_DIR."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def model_directory() -> Path:
    """Return the model directory of training and serving."""
    return base_directory() / "model"


def checkpoint_directory() -> Path:
    """Return the directory that SageMaker syncs with S3 during the job and restores when the job restarts."""
    return base_directory() / "checkpoints"


def training_job_name() -> str:
    """Return the name of the training job; empty outside SageMaker."""
    return os.environ.get("TRAINING_JOB_NAME", "")


def write_failure(reason: str) -> None:
    """Write the training job's failure reason; SageMaker shows its first 1,024 characters as FailureReason."""
    path = base_directory() / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason, "utf-8")


@dataclass(frozen=True)
class Channel:
    """Input channel of a training job.

    Attributes:
        name: Channel name, such as train.
        content_type: Content type of the data; the default is the built-in's, RecordIO-protobuf.
        mode: File, FastFile (the same as File for the container) or Pipe.
        sharded: True if this host receives only its own part of the data, which may be empty.
        wrapped: True if SageMaker wraps each streamed S3 object in a RecordIO record.
    """

    name: str
    content_type: str = RECORDIO
    mode: str = FILE
    sharded: bool = False
    wrapped: bool = False

    @property
    def path(self) -> Path:
        """Path of the data: a directory of files, or the named pipe of the first epoch in Pipe mode.

        Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
        """
        return base_directory() / "input" / "data" / (f"{self.name}_0" if self.mode == PIPE else self.name)

    @classmethod
    def parse(cls, name: str, settings: Mapping[str, Any], hosts: int) -> "Channel":
        """Parse a channel of ``inputdataconfig.json``.

        Raises:
            InputError: The name or the mode is not supported.
        """
        if name not in _CHANNELS:
            raise InputError(f"Channel {name} is unknown; allowed: {', '.join(_CHANNELS)}.")
        mode = settings.get("TrainingInputMode") or FILE
        # Like the built-in, which reads its vocabulary in File mode only.
        allowed = (FILE, FAST_FILE) if name == AUXILIARY else (FILE, FAST_FILE, PIPE)
        if mode not in allowed:
            raise InputError(
                f"Channel {name} is in mode {mode}; allowed: {', '.join(allowed)} "
                "(set InputMode in the training job's InputDataConfig)."
            )
        return cls(
            name,
            settings.get("ContentType") or RECORDIO,
            mode,
            sharded=hosts > 1 and settings.get("S3DistributionType") == "ShardedByS3Key",
            wrapped=mode == PIPE and settings.get("RecordWrapperType") == "RecordIO",
        )


@dataclass(frozen=True)
class TrainingRequest:
    """Configuration of a training job, from ``input/config``.

    Attributes:
        hyperparameters: Names and values, as text.
        channels: Channels by name; train is always among them.
        hosts: Sorted names of the job's hosts, such as algo-1.
        host: Name of this host.
        network_interface_name: Network interface for traffic between hosts.
    """

    hyperparameters: Mapping[str, object]
    channels: Mapping[str, Channel]
    hosts: tuple[str, ...] = ("algo-1",)
    host: str = "algo-1"
    network_interface_name: str = "eth0"

    @classmethod
    def read(cls) -> "TrainingRequest":
        """Read the configuration of the job.

        Raises:
            InputError: A file is missing or malformed, a channel has an unknown name or an unsupported mode, or there
                is no train channel.
        """
        resources = _read_json("resourceconfig.json")
        host = str(resources.get("current_host", "algo-1"))
        hosts = tuple(sorted(resources.get("hosts", [host])))
        if host not in hosts:
            raise InputError(
                f"resourceconfig.json: current_host is {host}, which is not among hosts: {', '.join(hosts)}."
            )
        channels = {
            name: Channel.parse(name, settings, len(hosts))
            for name, settings in _read_json("inputdataconfig.json").items()
        }
        if TRAIN not in channels:
            raise InputError("There is no train channel. Add it to the training job's InputDataConfig.")
        interface = str(resources.get("network_interface_name", "eth0"))
        return cls(_read_json("hyperparameters.json"), channels, hosts, host, interface)

    @staticmethod
    def channel(name: str) -> Path:
        """Return the directory of a channel."""
        return base_directory() / "input" / "data" / name


def _read_json(name: str) -> dict[str, Any]:
    path = base_directory() / "input" / "config" / name
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; SageMaker writes it for each training job.") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object.")
    return content
