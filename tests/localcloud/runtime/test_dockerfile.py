from pathlib import Path

import pytest

from localcloud.runtime.dockerfile import Dockerfile

CONTAINER = Path(__file__).parents[3] / "containers" / "ntm"
TEXT = """
# FROM commented AS out
FROM python:3.12 AS base
RUN pip install \\
    -r shared.txt
  from --platform=linux/amd64 base as Small
RUN true
FROM base AS large
RUN pip install --requirement=large.txt -r nowhere.txt
FROM small
"""


@pytest.fixture
def dockerfile(tmp_path: Path) -> Dockerfile:
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "shared.txt").write_text("# numpy and more\nNumPy==2.0\n")
    (tmp_path / "large.txt").write_text(
        "-r shared.txt\nscikit_learn[all]>=1 ; python_version > '3'\nnone-such==1\nPyYAML\ntyping.extensions\n"
    )
    return Dockerfile(tmp_path / "Dockerfile", tmp_path)


def test_targets_are_the_names_of_stages(dockerfile: Dockerfile) -> None:
    assert all(dockerfile.has_target(name) for name in ("base", "small", "SMALL", "large"))
    assert not any(dockerfile.has_target(name) for name in ("out", "python:3.12", "nowhere"))


def test_a_target_lacks_what_only_others_install(dockerfile: Dockerfile) -> None:
    assert dockerfile.missing_modules("small") == ["_yaml", "sklearn", "typing_extensions", "yaml"]
    assert dockerfile.missing_modules("large") == []


def test_only_the_training_image_of_the_topic_model_has_pytorch() -> None:
    dockerfile = Dockerfile(CONTAINER / "Dockerfile", CONTAINER)
    assert "torch" in dockerfile.missing_modules("serving")
    assert dockerfile.missing_modules("training") == []
