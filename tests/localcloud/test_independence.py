"""Independence of the package from the rest of the repository."""

import re
import subprocess
import sys

from tests.localcloud.support import ROOT

PACKAGE = ROOT / "localcloud"
SUFFIXES = {".py", ".mjs", ".md", ".toml"}
REST = re.compile(
    r"topicsmith|containers/ntm|\bmake (up|down|local|demo)\b|^\s*(from|import) (stacks|constructs|ntm|tests)\b",
    re.IGNORECASE | re.MULTILINE,
)
ALGORITHM = "localcloud/services/sagemaker/training/built_in.py"
"""AWS has an algorithm named NTM, whose metrics SageMaker defines."""


def test_the_package_does_not_mention_the_rest_of_the_repository() -> None:
    texts = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES}
    assert ALGORITHM in texts
    assert {name for name, text in texts.items() if REST.search(text)} == set()
    assert {name for name, text in texts.items() if re.search(r"\bntm\b", text, re.IGNORECASE)} == {ALGORITHM}


def test_the_docker_stand_in_and_the_program_start_without_moto() -> None:
    """moto takes a second to import, and the CDK CLI runs the stand-in many times."""
    code = "import sys, localcloud.runtime.docker_cli, localcloud.cli; print('moto' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
