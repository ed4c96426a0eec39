from pathlib import Path
from typing import Any

import pytest

from ntm.common import sagemaker
from ntm.common.errors import InputError
from ntm.common.sagemaker import Channel, TrainingRequest
from tests.containers.ntm import jobs

TRAIN = {"ContentType": "text/csv"}


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path


def request(base: Path, hosts: tuple[str, ...] = ("algo-1",), **channels: Any) -> TrainingRequest:
    jobs.write_config(base, "hyperparameters", {"feature_dim": "10"})
    jobs.write_config(base, "inputdataconfig", channels)
    resources = {"current_host": "algo-1", "hosts": hosts, "network_interface_name": "eth1"}
    jobs.write_config(base, "resourceconfig", resources)
    return TrainingRequest.read()


def test_channels_are_read_from_the_configuration(base: Path) -> None:
    read = request(
        base,
        train={"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO", "S3DistributionType": "ShardedByS3Key"},
        validation=TRAIN | {"TrainingInputMode": "FastFile", "RecordWrapperType": "None"},
        test={"TrainingInputMode": "File", "RecordWrapperType": "RecordIO"},
        auxiliary={"TrainingInputMode": "File", "ContentType": "text/plain"},
    )
    assert read.hyperparameters == {"feature_dim": "10"}
    assert read.channels == {
        "train": Channel("train", "application/x-recordio-protobuf", "Pipe", sharded=False, wrapped=True),
        "validation": Channel("validation", "text/csv", "FastFile"),
        "test": Channel("test", "application/x-recordio-protobuf", "File"),
        "auxiliary": Channel("auxiliary", "text/plain"),
    }
    data = base / "input" / "data"
    assert [channel.path.relative_to(data).as_posix() for channel in read.channels.values()] == [
        "train_0",
        "validation",
        "test",
        "auxiliary",
    ]


def test_hosts_are_sorted_by_name(base: Path) -> None:
    sharded = TRAIN | {"S3DistributionType": "ShardedByS3Key"}
    read = request(base, ("algo-2", "algo-1"), train=sharded, validation=TRAIN)
    assert (read.hosts, read.host, read.network_interface_name) == (("algo-1", "algo-2"), "algo-1", "eth1")
    assert read.channels["train"].sharded
    assert not read.channels["validation"].sharded


def test_the_configuration_has_defaults(base: Path) -> None:
    jobs.write_config(base, "hyperparameters", {})
    jobs.write_config(base, "inputdataconfig", {"train": {}})
    jobs.write_config(base, "resourceconfig", {})
    assert TrainingRequest.read() == TrainingRequest({}, {"train": Channel("train")})
    assert sagemaker.checkpoint_directory() == base / "checkpoints"


@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        ({"validation": TRAIN}, "There is no train channel"),
        ({"train": TRAIN, "tests": {}}, "Channel tests is unknown; allowed: train, validation, test, auxiliary"),
        ({"train": {"TrainingInputMode": "Tape"}}, "Channel train is in mode Tape; allowed: File, FastFile, Pipe"),
        (
            {"train": TRAIN, "auxiliary": {"TrainingInputMode": "Pipe"}},
            r"Channel auxiliary is in mode Pipe; allowed: File, FastFile \(set InputMode",
        ),
    ],
)
def test_unsupported_channels_are_rejected_with_the_reason(base: Path, channels: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        request(base, **channels)


def test_the_current_host_must_be_among_the_hosts(base: Path) -> None:
    with pytest.raises(InputError, match="current_host is algo-1, which is not among hosts: algo-2"):
        request(base, ("algo-2",), train=TRAIN)
