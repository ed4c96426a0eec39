"""The package knows nothing of the rest of the repository."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.localcloud.support import ROOT

FILES = sorted(
    path for path in (ROOT / "localcloud").rglob("*") if path.suffix in {".py", ".mjs", ".md", ".toml", ".typed"}
)
REST = {"topicsmith", "stacks", "constructs", "lambdas", "containers", "ntm", "tests", "benchmarks"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "localcloud")))
def test_nothing_is_said_of_the_rest(path: Path) -> None:
    text = path.read_text()
    # `ntm` is also AWS's name for the algorithm, whose metrics SageMaker defines.
    algorithm = path.name == "metrics.py"
    assert not re.search(r"topicsmith|containers/ntm|\bmake (up|down|local|demo)\b", text, re.IGNORECASE)
    assert algorithm or not re.search(r"\bntm\b", text, re.IGNORECASE)
    if path.suffix == ".py":
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(text))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & REST


def test_the_docker_stand_in_and_the_client_start_without_moto() -> None:
    """moto takes a second to import, and the CDK CLI runs the stand-in many times."""
    code = "import sys, localcloud.runtime.docker_cli, localcloud.cli; print(*(n for n in sys.modules if n == 'moto'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "localcloud", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
