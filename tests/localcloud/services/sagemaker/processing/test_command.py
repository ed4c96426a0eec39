import sys
from pathlib import Path
from typing import Any

import pytest

from localcloud.runtime.images import Image, ImageUnavailable
from localcloud.services.sagemaker.processing.command import command_of, environment_of, local_path

BASE = Path("/state/jobs/one/algo-1")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    program = tmp_path / "evaluate"
    program.touch()
    program.chmod(0o755)
    return Image("an/image:1", tmp_path)


def _command(image: Image, *entrypoint: str, arguments: list[str] | None = None) -> list[str]:
    specification: dict[str, Any] = {"ContainerEntrypoint": list(entrypoint), "ContainerArguments": arguments}
    return command_of(image, specification, BASE)


def test_program_of_the_image_runs(image: Image) -> None:
    expected = [sys.executable, f"{image.directory}/evaluate"]
    assert _command(image, "/opt/program/evaluate") == expected
    assert _command(image, "evaluate") == expected
    given = ["--gate", "npmi:at_least:0.05"]
    assert _command(image, "/opt/program/evaluate", arguments=given) == [*expected, *given]


def test_script_of_an_input_runs(image: Image) -> None:
    command = _command(
        image,
        "python3",
        "/opt/ml/processing/input/code/script.py",
        arguments=["--out=/opt/ml/processing/output", "/opt/program/evaluate"],
    )
    assert command == [
        sys.executable,
        f"{BASE}/processing/input/code/script.py",
        f"--out={BASE}/processing/output",
        f"{image.directory}/evaluate",
    ]


def test_missing_program_is_named(image: Image) -> None:
    with pytest.raises(ImageUnavailable, match="no executable 'other'"):
        _command(image, "/opt/program/other")
    with pytest.raises(ImageUnavailable, match="ContainerEntrypoint must name one"):
        command_of(image, {}, BASE)


def test_paths_are_translated_to_this_machine() -> None:
    assert environment_of({"A": "/opt/ml/processing/input", "B": "x"}, BASE) == {
        "A": f"{BASE}/processing/input",
        "B": "x",
    }
    assert environment_of(None, BASE) == {}
    assert local_path("/opt/ml/processing/output/", BASE) == BASE / "processing" / "output"
