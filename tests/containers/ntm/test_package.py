import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from ntm import NeuralTopicModel
from tests.containers.ntm.jobs import CONTAINER, SERVING_IMAGE


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


def test_the_programs_of_the_serving_image_do_not_need_torch() -> None:
    """The tests of `serve` and `evaluate` run them like this, too."""
    script = (
        "import importlib.util, pkgutil, ntm.serving, ntm.evaluation\n"
        "for package in (ntm.serving, ntm.evaluation):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "try:\n"
        "    import ntm.training.job\n"
        "except ModuleNotFoundError as error:\n"
        "    raise SystemExit(0 if error.name == 'torch' else 1)\n"
        "raise SystemExit('torch was found')"
    )
    paths = f"{SERVING_IMAGE['PYTHONPATH']}:{CONTAINER}"
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": paths})


def test_the_images_have_exactly_the_packages_requirements() -> None:
    """The package requires the oldest versions that work; the images pin the versions tested together."""
    project = tomllib.loads((CONTAINER / "pyproject.toml").read_text())["project"]
    needs = sorted([*project["dependencies"], *project["optional-dependencies"]["evaluation"]])
    _, first, *training = (CONTAINER / "requirements-training.txt").read_text().splitlines()
    assert first == "-r requirements.txt"
    pins = sorted([*(CONTAINER / "requirements.txt").read_text().splitlines(), *training])
    assert [re.split(r"==", pin)[0] for pin in training] == ["torch"]
    assert [re.split(r">=", need)[0] for need in needs] == [re.split(r"==", pin)[0] for pin in pins]
