"""Programs of an image that is built for one target of its Dockerfile."""

from pathlib import Path

import pytest

from localcloud.runtime.containers import Container
from localcloud.runtime.images import Image
from localcloud.runtime.missing_modules import block, blocking_environment

PROGRAM = """#!/usr/bin/env python3
try:
    import sklearn.decomposition
except ModuleNotFoundError as error:
    print(error, error.name)
import other
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    image = tmp_path / "image"
    image.mkdir()
    (image / "train").write_text(PROGRAM)
    block(image, "serving", ["numpy", "sklearn"])
    return image


def _run(image: Path, **environ: str) -> str:
    lines: list[str] = []
    container = Container(
        Image("uri", image),
        "train",
        base_directory=image.parent,
        environ=environ,
        on_output=lines.extend,
        on_exit=lambda: None,
    )
    container.wait(600)
    return "\n".join(lines)


def test_a_program_cannot_import_what_its_target_lacks(image: Path) -> None:
    found = _run(image)
    assert found.startswith("No module named 'sklearn' sklearn\n")
    assert "No module named 'other'" in found


def test_a_requested_path_is_kept(image: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.py").write_text("print('found')")
    assert _run(image, PYTHONPATH=str(tmp_path / "more")) == "No module named 'sklearn' sklearn\nfound"


def test_nothing_is_set_without_missing_modules(tmp_path: Path) -> None:
    assert blocking_environment(tmp_path, {}) == {}
    block(tmp_path, "training", [])
    assert blocking_environment(tmp_path, {}) == {}
