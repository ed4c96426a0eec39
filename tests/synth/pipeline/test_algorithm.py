"""The built-in NTM's image instead of the project's."""

import json
import warnings
from pathlib import Path

import pytest

from constructs.pipeline.builtin_image import ACCOUNTS, builtin_image
from tests.synth.assembly import Assembly, JsonObject
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.pipeline import arguments_of

with warnings.catch_warnings(action="ignore"):
    import sagemaker
    from sagemaker import image_uris

_TABLE = Path(sagemaker.__file__).parent / "image_uri_config" / "ntm.json"


def test_image_accounts_match_the_sdk() -> None:
    assert json.loads(_TABLE.read_text())["versions"]["1"]["registries"] == ACCOUNTS


@pytest.mark.parametrize("region", ACCOUNTS)
def test_the_image_matches_the_sdk(region: str) -> None:
    assert builtin_image(region) == image_uris.retrieve("ntm", region)


def test_the_built_in_algorithm_trains_tunes_and_serves(definitions: dict[str, JsonObject]) -> None:
    definition, image = definitions["builtin"], builtin_image("us-east-1")
    train, tune = arguments_of(definition, "Train"), arguments_of(definition, "Tune")["TrainingJobDefinition"]
    assert train["AlgorithmSpecification"] == {"TrainingImage": image, "TrainingInputMode": "File"}
    assert tune["AlgorithmSpecification"] == train["AlgorithmSpecification"]
    assert arguments_of(definition, "CreateModel")["PrimaryContainer"]["Image"] == image


def test_only_our_container_registers_text_as_content_type(definitions: dict[str, JsonObject]) -> None:
    for name, takes_text in (("dev", True), ("builtin", False)):
        specification = arguments_of(definitions[name], "Register")["InferenceSpecification"]
        assert ("text/plain" in specification["SupportedContentTypes"]) is takes_text


def test_each_role_may_pull_the_image_that_it_runs(variants: Path) -> None:
    deployment = Deployment(Assembly(variants), "builtin")
    repository = "arn:aws:ecr:us-east-1:382416733822:repository/ntm"
    for part, role in (("training", "TrainingRole"), ("training", "VectorizationRole"), ("serving", "EndpointRole")):
        pulled = [one["Resource"] for one in deployment.statements(part, role) if "ecr:BatchGetImage" in one["Action"]]
        assert pulled == [repository], role
