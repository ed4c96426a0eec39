"""The device that trains, and the failure on an instance whose GPU cannot be used."""

from pathlib import Path

import pytest
import torch

from ntm.common.errors import InputError
from ntm.training.device import describe, training_device

VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 9\n"


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """The driver's file on an instance with a GPU."""
    path = tmp_path / "version"
    path.write_text(VERSION)
    return path


@pytest.fixture(autouse=True)
def _without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_without_a_driver_the_cpu_trains(tmp_path: Path) -> None:
    device = training_device(tmp_path / "none")
    assert device == torch.device("cpu")
    assert describe(device) == f"the CPU, {torch.get_num_threads()} threads (PyTorch {torch.__version__})"


def test_a_cpu_build_trains_on_the_cpu_of_any_machine(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert training_device(driver) == torch.device("cpu")


def test_a_gpu_whose_driver_is_too_old_fails_the_job(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    driver.write_text(VERSION.replace("535.183.01", "470.256.02"))
    told = r"\(CUDA 12.8\) cannot use: CUDA does not start; NVRM .* 470.256.02 .* CUDA 12 needs driver 525, "
    with pytest.raises(InputError, match=told):
        training_device(driver)


def test_a_gpu_without_kernels_of_this_build_fails_the_job(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no CUDA, so a tensor on it is an error as on a GPU that the build does not know."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def no_kernel(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with ...")

    monkeypatch.setattr(torch, "zeros", no_kernel)
    with pytest.raises(InputError, match="cannot use: CUDA error: no kernel image is available for execution on the d"):
        training_device(driver)
