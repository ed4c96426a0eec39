from pathlib import Path

import pytest

from ntm.training.cuda_compat import environment

_DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Tue Sep  1 12:00:00 UTC 2026\nGCC version: gcc 11\n"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Libraries as NVIDIA's image has them: the file carries the version, links do not."""
    folder = tmp_path / "compat"
    folder.mkdir()
    (folder / "libcuda.so.570.86.10").touch()
    (folder / "libcuda.so.1").symlink_to("libcuda.so.570.86.10")
    (folder / "libcuda.so").symlink_to("libcuda.so.1")
    return folder


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    return tmp_path / "version"


@pytest.mark.parametrize("version", ["470.256.02", "525.85.12", "570.86.9"])
def test_the_libraries_are_loaded_where_the_driver_is_older(libraries: Path, driver: Path, version: str) -> None:
    driver.write_text(_DRIVER.format(version))
    environ = environment({"A": "b", "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"}, driver, libraries)
    assert environ == {"A": "b", "LD_LIBRARY_PATH": f"{libraries}:/usr/local/nvidia/lib64"}
    # The restarted program goes on.
    assert environment(environ, driver, libraries) is None


@pytest.mark.parametrize("version", ["570.86.10", "570.124.06", "580.65.06"])
def test_a_driver_that_is_new_enough_is_used(libraries: Path, driver: Path, version: str) -> None:
    driver.write_text(_DRIVER.format(version))
    assert environment({}, driver, libraries) is None


def test_without_a_gpu_or_libraries_nothing_changes(libraries: Path, driver: Path, tmp_path: Path) -> None:
    assert environment({}, driver, libraries) is None
    driver.write_text(_DRIVER.format("470.256.02"))
    assert environment({}, driver, tmp_path / "missing") is None
    driver.write_text("something else")
    assert environment({}, driver, libraries) is None
