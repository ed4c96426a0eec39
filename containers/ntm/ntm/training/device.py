"""Device that trains: a GPU if the instance has one, otherwise the CPU."""

from pathlib import Path

import torch

from ntm.common.errors import InputError
from ntm.training.cuda_compat import DRIVER


def training_device(driver: Path = DRIVER) -> torch.device:
    """Return the device for training.

    A CPU build of PyTorch uses the CPU without asking for more.

    Args:
        driver: File that exists where an NVIDIA driver is loaded.

    Raises:
        InputError: The machine has a GPU, but this build of PyTorch cannot use it. Training on the CPU instead would
            take hours at the price of the GPU.
    """
    if torch.cuda.is_available():
        try:
            (torch.zeros(1, device="cuda") + 1).item()
        except RuntimeError as error:
            raise InputError(_unusable(driver, str(error).strip().partition("\n")[0])) from None
        return torch.device("cuda")
    if torch.version.cuda and driver.exists():
        raise InputError(_unusable(driver, "CUDA does not start"))
    return torch.device("cpu")


def describe(device: torch.device, driver: Path = DRIVER) -> str:
    """Return the device, with what is needed to compare it with others, for the log."""
    if device.type == "cpu":
        return f"the CPU, {torch.get_num_threads()} threads (PyTorch {torch.__version__})"
    name, capability = torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device)
    return (
        f"{name}, compute capability {capability[0]}.{capability[1]} (PyTorch {torch.__version__}, CUDA "
        f"{torch.version.cuda}, {_version(driver)})"
    )


def _unusable(driver: Path, reason: str) -> str:
    return (
        f"The instance has a GPU that PyTorch {torch.__version__} (CUDA {torch.version.cuda}) cannot use: {reason}; "
        f"{_version(driver)}. Driver or GPU are too old for this CUDA: CUDA 12 needs driver 525, or 470 with NVIDIA's "
        "compatibility libraries, and the Volta generation, CUDA 13 driver 580 and the Turing generation. Choose "
        "another instance type, install another build of PyTorch in the image, or train on a CPU."
    )


def _version(driver: Path) -> str:
    """Return the driver's version as NVIDIA writes it, for example "NVRM version: ... 580.65.06 ..."."""
    try:
        return driver.read_text("utf-8").partition("\n")[0].strip()
    except OSError:
        return "driver unknown"
