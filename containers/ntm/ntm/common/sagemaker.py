"""The directories, files and variables by which SageMaker and a container talk to each other.

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
    """Return ``/opt/ml``, or what the variable SAGEMAKER_BASE_DIR puts in its place."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def model_directory() -> Path:
    """Return where training leaves the model and serving finds it."""
    return base_directory() / "model"


def checkpoint_directory() -> Path:
    """Return what SageMaker keeps in S3 while the job runs, and brings back when the job is started again."""
    return base_directory() / "checkpoints"


def training_job_name() -> str:
    """Return the training job's name; empty where SageMaker runs no job."""
    return os.environ.get("TRAINING_JOB_NAME", "")


def write_failure(reason: str) -> None:
    """Tell SageMaker why the training job failed; it shows the first 1,024 characters as FailureReason."""
    path = base_directory() / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason, "utf-8")


@dataclass(frozen=True)
class Channel:
    """A named input of a training job.

    Attributes:
        name: such as train.
        content_type: of its data; where the job does not say, the built-in's: RecordIO-protobuf.
        mode: File, FastFile (which looks like File from inside) or Pipe.
        sharded: whether this host finds only its own part of the data: it may be none.
        wrapped: whether SageMaker put each S3 object, which it streams, into a RecordIO record.
    """

    name: str
    content_type: str = RECORDIO
    mode: str = FILE
    sharded: bool = False
    wrapped: bool = False

    @property
    def path(self) -> Path:
        """Where its data is: a directory of files; in Pipe mode, the named pipe of the first epoch.

        Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
        """
        return base_directory() / "input" / "data" / (f"{self.name}_0" if self.mode == PIPE else self.name)

    @classmethod
    def parse(cls, name: str, settings: Mapping[str, Any], hosts: int) -> "Channel":
        """Read a channel's element of ``inputdataconfig.json``.

        Raises:
            InputError: the name or the mode is not one of those that the algorithm has.
        """
        if name not in _CHANNELS:
            raise InputError(f"Channel {name} is not known; allowed: {', '.join(_CHANNELS)}.")
        mode = settings.get("TrainingInputMode") or FILE
        # The built-in, too, takes its vocabulary in File mode only.
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
    """What SageMaker says of a training job in ``input/config``.

    Attributes:
        hyperparameters: names and values, as text.
        channels: the job's channels by name; train is one of them.
        hosts: the names of all the job's containers, sorted, such as algo-1.
        host: this container's.
        network_interface_name: by which the hosts reach each other.
    """

    hyperparameters: Mapping[str, object]
    channels: Mapping[str, Channel]
    hosts: tuple[str, ...] = ("algo-1",)
    host: str = "algo-1"
    network_interface_name: str = "eth0"

    @classmethod
    def read(cls) -> "TrainingRequest":
        """Read the job's configuration.

        Raises:
            InputError: a file is missing or not as SageMaker writes it, a channel has an unknown name or a mode that
                it may not have, or there is no train channel.
        """
        resources = _read_json("resourceconfig.json")
        host = str(resources.get("current_host", "algo-1"))
        hosts = tuple(sorted(resources.get("hosts", [host])))
        if host not in hosts:
            raise InputError(
                f"resourceconfig.json says that this is host {host}, which is not among {', '.join(hosts)}."
            )
        channels = {
            name: Channel.parse(name, settings, len(hosts))
            for name, settings in _read_json("inputdataconfig.json").items()
        }
        if TRAIN not in channels:
            raise InputError("There is no channel train; it is required: add it to the job's InputDataConfig.")
        interface = str(resources.get("network_interface_name", "eth0"))
        return cls(_read_json("hyperparameters.json"), channels, hosts, host, interface)

    @staticmethod
    def channel(name: str) -> Path:
        """Return the directory of a channel's files."""
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
