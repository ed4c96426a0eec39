"""Output of the app."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.synth.assembly import copy_sources


@pytest.fixture
def app(tmp_path: Path) -> Path:
    copy_sources(tmp_path)
    return tmp_path


def _run(app: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    command = [sys.executable, "app.py"]
    return subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)


def test_an_invalid_environment_stops_synth_with_a_short_error(app: Path) -> None:
    (app / "environments" / "dev.yaml").write_text("region: us-east-1\ntraining: {instance_type: ml.g5.nano}\n")
    result = _run(app)
    assert result.returncode == 1
    first, second = result.stderr.strip().splitlines()
    assert first == "environments/dev.yaml is invalid:"
    assert second.startswith("  line 2, training.instance_type: 'ml.g5.nano': no such instance type for training; ")
    assert not (app / "cdk.out").exists()
