from pathlib import Path

import pytest
import torch

from ntm.common.errors import InputError
from ntm.training.checkpoint import Checkpoints

JOB = {"num_topics": 20, "encoder_layers": (10, 5), "clip_gradient": float("inf")}


def test_a_saved_checkpoint_is_loaded(tmp_path: Path) -> None:
    state = {"network": {"weight": torch.arange(3.0)}, "epoch": 4, "order": "{}", "losses": [1.5]}
    Checkpoints(tmp_path, "algo-2").save(JOB, {"epoch": 3})
    Checkpoints(tmp_path, "algo-2").save(JOB, state)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-algo-2.pt"]
    loaded = Checkpoints(tmp_path, "algo-2").load(JOB)
    assert loaded is not None
    torch.testing.assert_close(loaded.pop("network"), state.pop("network"))
    assert loaded == state
    assert Checkpoints(tmp_path, "algo-1").load(JOB) is None


@pytest.mark.parametrize("missing", [True, False])
def test_without_a_directory_no_checkpoint_is_saved(tmp_path: Path, missing: bool) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints" if missing else None, "algo-1", seconds=0)
    assert not checkpoints.due
    checkpoints.save(JOB, {})
    assert checkpoints.load(JOB) is None
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_due_after_the_interval(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, "algo-1", seconds=0).due
    assert not Checkpoints(tmp_path, "algo-1", seconds=1e6).due


def test_a_checkpoint_of_another_job_is_rejected(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "algo-1").save(JOB, {})
    with pytest.raises(InputError, match=r"to another job: hosts was None and is 2, num_topics was 20 and is 30\."):
        Checkpoints(tmp_path, "algo-1").load(JOB | {"num_topics": 30, "hosts": 2})


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_damaged_checkpoint_is_rejected(tmp_path: Path, size: int) -> None:
    Checkpoints(tmp_path, "algo-1").save(JOB, {"weights": torch.zeros(1000)})
    path = tmp_path / "checkpoint-algo-1.pt"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"The checkpoint checkpoint-algo-1\.pt cannot be read: .*\. Delete it\."):
        Checkpoints(tmp_path, "algo-1").load(JOB)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"job": JOB, "state": {"code": Path}}, tmp_path / "checkpoint-algo-1.pt")
    with pytest.raises(InputError, match="cannot be read"):
        Checkpoints(tmp_path, "algo-1").load(JOB)
