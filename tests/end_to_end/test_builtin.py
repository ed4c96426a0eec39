"""The pipeline with SageMaker's built-in NTM."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import planted
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients, versions


@pytest.fixture(scope="module")
def run(builtin: Operator, corpus: Path) -> Any:
    """Run of the environment with ``algorithm: builtin``."""
    return builtin("run", corpus)


def test_held_out_documents_are_scored_before_the_evaluation(run: Any) -> None:
    assert run["status"] == "Succeeded"
    names = [step["name"] for step in run["steps"]]
    assert names[:5] == ["Preprocess", "Tune", "Train", "CreateModel", "Score"]
    assert names.index("Score") < names.index("Evaluate") < names.index("Gate") < names.index("Register")


def test_its_jobs_run_the_image_of_the_builtin_ntm(run: Any, clients: Clients) -> None:
    job = next(step["job"]["name"] for step in run["steps"] if step["name"] == "Train")
    described = clients("sagemaker").describe_training_job(TrainingJobName=job)
    image = described["AlgorithmSpecification"]["TrainingImage"]
    assert image.endswith("/ntm:1")
    assert "123456789012" not in image
    (package,) = versions(clients, "builtin")
    registered = clients("sagemaker").describe_model_package(ModelPackageName=package)
    assert registered["InferenceSpecification"]["Containers"][0]["Image"] == image
    assert registered["CustomerMetadataProperties"]["Algorithm"] == "builtin"


def test_the_trial_with_the_lowest_loss_wins(run: Any, builtin: Operator) -> None:
    found = builtin("tuning", run["id"])
    assert (found["objective"], found["maximize"]) == ("validation:total_loss", False)
    values = [trial["objective"] for trial in found["trials"]]
    assert values == sorted(values)


def test_documents_have_the_topics_that_the_evaluation_found(run: Any, builtin: Operator, tmp_path: Path) -> None:
    file = tmp_path / "vectors.jsonl"
    builtin("vectors", run["id"], "--out", file)
    topics = builtin("evaluation", run["id"])["topics"]
    words = {topic["topic"]: {word for word, _ in topic["words"][:10]} for topic in topics}
    about = {row["id"]: row["topic_weights"] for row in map(json.loads, file.read_text().splitlines())}
    for key, weights in about.items():
        heaviest = weights.index(max(weights))
        assert len(set(planted.TOPICS[key.partition("-")[0]]) & words[heaviest]) >= 8, key
