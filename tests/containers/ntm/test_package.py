import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from ntm import NeuralTopicModel
from tests.containers.ntm.jobs import CONTAINER


def test_importing_the_package_imports_neither_torch_nor_scikit_learn() -> None:
    script = (
        "import sys, ntm; ntm.__version__; assert not {'torch', 'sklearn', 'numpy', 'onnx'} & set(sys.modules)\n"
        "import ntm.serving.server, ntm.serving.model\n"
        "assert not {'torch', 'onnx', 'scipy', 'sklearn', 'typer', 'rich'} & set(sys.modules)\n"
        "from ntm import NeuralTopicModel; assert 'torch' not in sys.modules\n"
        "import ntm.evaluation.job; assert not {'torch', 'onnx', 'tomotopy', 'plotly'} & set(sys.modules)"
    )
    environ = {"PYTHONPATH": str(Path(inspect.getfile(NeuralTopicModel)).parents[1])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environ)


def test_the_image_has_exactly_the_packages_requirements() -> None:
    """The package requires the oldest versions that work; the image pins the versions tested together."""
    project = tomllib.loads((CONTAINER / "pyproject.toml").read_text())["project"]
    needs = sorted([*project["dependencies"], *project["optional-dependencies"]["evaluation"]])
    pins = (CONTAINER / "requirements.txt").read_text().splitlines()
    assert [re.split(r">=", need)[0] for need in needs] == [re.split(r"==", pin)[0] for pin in pins]
