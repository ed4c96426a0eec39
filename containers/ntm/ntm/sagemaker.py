"""The directories, files and variables by which SageMaker and a container talk to each other.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntm.errors import InputError

TRAIN, VALIDATION, TEST, AUXILIARY = "train", "validation", "test", "auxiliary"
_CHANNELS = (TRAIN, VALIDATION, TEST, AUXILIARY)


def base_directory() -> Path:
    """Return ``/opt/ml``, or what the variable SAGEMAKER_BASE_DIR puts in its place."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def model_directory() -> Path:
    """Return where training leaves the model and serving finds it."""
    return base_directory() / "model"


def write_failure(reason: str) -> None:
    """Tell SageMaker why the training job failed; it shows the first 1,024 characters as FailureReason."""
    path = base_directory() / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason, "utf-8")


@dataclass(frozen=True)
class TrainingRequest:
    """What SageMaker says of a training job in ``input/config``.

    Attributes:
        hyperparameters: names and values, as text.
        content_types: the content type of each channel of the job.
        host: this container's name, such as algo-1.
    """

    hyperparameters: Mapping[str, object]
    content_types: Mapping[str, str]
    host: str

    @classmethod
    def read(cls) -> "TrainingRequest":
        """Read the job's configuration.

        Raises:
            InputError: a file is missing or not as SageMaker writes it, a channel has an unknown name or is not in
                File mode, there is no train channel, or the job has more than one host.
        """
        channels = _read_json("inputdataconfig.json")
        for name, channel in channels.items():
            if name not in _CHANNELS:
                raise InputError(f"Channel {name} is not known; allowed: {', '.join(_CHANNELS)}.")
            if (mode := channel.get("TrainingInputMode", "File")) == "Pipe":
                raise InputError(f"Channel {name} is in mode {mode}; allowed: File, FastFile.")
        if TRAIN not in channels:
            raise InputError("There is no channel train; it is required: add it to the job's InputDataConfig.")
        resources = _read_json("resourceconfig.json")
        if len(hosts := resources.get("hosts", ["algo-1"])) > 1:
            raise InputError(
                f"The job has {len(hosts)} hosts; this image trains on one: set InstanceCount to 1 in ResourceConfig."
            )
        return cls(
            _read_json("hyperparameters.json"),
            {name: channel.get("ContentType", "") for name, channel in channels.items()},
            resources.get("current_host", "algo-1"),
        )

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
