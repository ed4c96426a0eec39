"""whoami, and the checks that the Makefile makes before it deploys."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.topicsmith.account import ACCOUNT, REGION, Invoke

ROOT = Path(__file__).parents[3]


@pytest.mark.usefixtures("account")
def test_whoami_shows_account_and_region(invoke: Invoke) -> None:
    found = json.loads(invoke("whoami", "--json").stdout)
    assert (found["account"], found["region"]) == (ACCOUNT, REGION)
    assert found["caller"] in invoke("whoami").stdout


def make(*arguments: str) -> tuple[int, str]:
    """Run make as if everything was installed."""
    installed = [".venv/.installed-core", "node_modules/.installed"]
    options = [argument for file in installed for argument in ("--old-file", file)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null"}
    environ |= {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    done = subprocess.run(
        ["make", "--no-print-directory", *options, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("deploy",), "No AWS credentials"),
        (("destroy",), "No AWS credentials"),
        (("deploy", "ENV=nope"), "There is no environments/nope.yaml. Choose another ENV: dev prod."),
        (("destroy", "ENV=nope"), "There is no environments/nope.yaml."),
        (("access",), "There is no delivery.yaml. Copy delivery.example.yaml"),
        (("pipeline",), "There is no delivery.yaml."),
    ],
)
def test_make_reports_a_missing_variable(arguments: tuple[str, ...], sentence: str) -> None:
    status, said = make(*arguments)
    assert status == 2
    assert said.startswith(sentence) or f"Error: {sentence}" in said
    assert "Traceback" not in said
