"""The evaluation report in a real browser."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ntm.evaluation import job
from ntm.evaluation.trials import Tuning, tuning_of
from tests.containers.ntm import jobs
from tests.containers.ntm.evaluation import inputs

HERE = Path(__file__).parent
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> <a href='http://x/'>x</a> \u2028 &lt;b&gt; "


def summary(number: int, value: float | None) -> dict[str, Any]:
    tuned = {"learning_rate": str(number / 1000), "optimizer": "adam" if number % 2 else "sgd"}
    found: dict[str, Any] = {"TrainingJobName": f"tune-{number:03d}", "TrainingJobStatus": "Completed"}
    if value is not None:
        metric = {"MetricName": "validation:npmi_tu", "Value": value}
        found["FinalHyperParameterTuningJobObjectiveMetric"] = metric
    return {**found, "TunedHyperParameters": tuned}


def tuning(name: str, _region: str) -> Tuning:
    return tuning_of(name, [summary(number + 1, value) for number, value in enumerate([0.2, 0.4, None, 0.3])])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report whose texts, ids and words contain markup and scripts."""
    base = tmp_path_factory.mktemp("report")
    vocabulary = [f"<i>{word}</i>" if word == "a3" else word for word in jobs.VOCABULARY]
    inputs.lay_out(base, inputs.held_out(text=HOSTILE + "x" * 2_000), vocabulary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_BASE_DIR", str(base))
        patch.setenv("TUNING_JOB", "tune")
        for name, value in inputs.ENVIRON.items():
            patch.setenv(name, value)
        patch.setattr(job, "read_trials", tuning)
        job.run([*inputs.ARGUMENTS, "--gate", "npmi:at_least:0.99", "--gate", "perplexity:at_most:100"])
    return base / "processing" / "output" / "report.html"


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(os.environ.get("TOPICSMITH_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))


@pytest.fixture(scope="module")
def seen(report: Path, screenshots: Path) -> dict[str, Any]:
    """Return the observations of the browser; see ``report.mjs``."""
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [node, HERE / "report.mjs", report, screenshots], capture_output=True, text=True, check=False, timeout=900
    )
    if "error while loading shared libraries" in done.stderr:
        missing = (
            "The browser needs a library of the system (on Debian or Ubuntu: apt install libnss3), or let "
            "TOPICSMITH_CHROMIUM name a Chromium that runs here."
        )
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_the_page_loads_without_requests_or_errors(seen: dict[str, Any], report: Path) -> None:
    assert seen["errors"] == []
    assert {url for url in seen["requests"] if not url.startswith("data:")} == {report.as_uri()}
    assert report.stat().st_size < 6_000_000


def test_texts_are_escaped(seen: dict[str, Any]) -> None:
    assert seen["injected"] == []
    assert "</script><script>alert(1)</script><img src=x" in seen["document"]
    assert "</script><script>alert(1)" in seen["hover"]
    assert "<a href=" in seen["quotes"][0]
    assert all(len(quote) < 340 for quote in seen["quotes"])
    assert "<i>a3</i>" in seen["rows"][0]
    assert "This page quotes the corpus." in seen["footer"]


def test_the_verdict_is_shown(seen: dict[str, Any]) -> None:
    assert "Rejected by the gate" in seen["verdict"]
    assert "is below 0.99" in seen["verdict"]
    assert [name for name, _ in seen["checks"]] == ["failed", "passed"]
    assert len(seen["cards"]) == 7
    assert all("LDA" in card for card in seen["cards"])


def test_documents_topics_and_trials_are_shown(seen: dict[str, Any]) -> None:
    assert seen["title"] == "Topics of planted.csv"
    assert seen["points"] == 60
    assert len(seen["rows"]) == 5
    assert min(seen["bars"]) < max(seen["bars"]) < 1
    assert [len(row) for row in seen["similarity"]] == [5] * 5
    assert [seen["similarity"][topic][topic] for topic in range(5)] == [1] * 5
    assert (seen["trials"], seen["values"]) == (3, 2)
    # Best first; jobs without an objective last.
    assert seen["ranked"] == ["tune-002", "tune-004", "tune-001", "tune-003"]
    for fact in (inputs.ENVIRON["EXECUTION_ARN"], "s3://data/raw/planted.csv", "c0ffee"):
        assert fact in seen["run"]


def test_the_map_responds_to_mouse_and_keyboard(seen: dict[str, Any]) -> None:
    assert seen["topic"].strip().startswith("Topic 1: b20")
    assert seen["words"] == 20
    assert len(seen["quotes"]) == 3
    assert seen["pressed"] == ["false", "false", "true", "false", "false", "false"]
    assert (seen["faded"], seen["restored"]) == (4, 0)
    assert seen["sorted"] == sorted(seen["sorted"], reverse=True)


def test_the_page_fits_every_screen(seen: dict[str, Any], screenshots: Path) -> None:
    assert (seen["wide"], seen["narrow"]) == (0, 0)
    assert seen["background"] == "rgb(17, 21, 28)"
    sizes = {}
    for path in screenshots.glob("*.png"):
        sizes[path.stem] = struct.unpack(">II", path.read_bytes()[16:24])
    assert {name: width for name, (width, _) in sizes.items()} == {"1280": 1280, "400": 400, "dark": 1280}
