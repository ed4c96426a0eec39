"""NVIDIA's libraries for forward compatibility, with which a driver older than this CUDA can run it.

The container toolkit does not mount them by itself; the image has to load them where the host's driver is older. See
https://docs.aws.amazon.com/sagemaker/latest/dg/container-nvidia-compliance.html and
https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/version")
"""File of the NVIDIA driver's kernel module, which containers see as well."""
LIBRARIES = Path("/usr/local/cuda/compat")
"""Directory of the libraries in the training image."""

_VERSION = re.compile(r"^NVRM.*Kernel Module\s+([0-9.]+)", re.MULTILINE)


def load(arguments: list[str]) -> None:
    """Restart the program with the libraries in its search path if the driver is older than they are.

    It must be called before anything loads CUDA. Without a driver or without the libraries, nothing happens.

    Args:
        arguments: Arguments of the program, ``sys.argv``.
    """
    environ = environment(os.environ)
    if environ is not None:
        os.execve(sys.executable, [sys.executable, *arguments], environ)


def environment(
    environ: Mapping[str, str], driver: Path = DRIVER, libraries: Path = LIBRARIES
) -> dict[str, str] | None:
    """Return the variables of a program that loads the libraries, or None if it does so already or need not.

    Args:
        environ: Variables of the program.
        driver: File with the version of the host's driver.
        libraries: Directory of the libraries, which carry the version of the driver they come from.
    """
    paths = [path for path in environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    ours = [_numbers(path.name.removeprefix("libcuda.so.")) for path in libraries.glob("libcuda.so.*.*")]
    found = _VERSION.search(driver.read_text("utf-8")) if driver.exists() else None
    if not ours or found is None or str(libraries) in paths or _numbers(found[1]) >= max(ours):
        return None
    return {**environ, "LD_LIBRARY_PATH": ":".join([str(libraries), *paths])}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number.isdecimal())
