"""Snapshots of everything deployed; the other modules assert what matters about it."""

import json
import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.synth.assembly import ENVIRONMENTS, PARTS, Assembly
from tests.synth.cloudformation import Deployment

# The shipped environments are public and on instances.
_OTHER_MODES = {
    "spot": ("network", "training", "serving"),  # private
    "grid": ("training", "serving"),  # existing
    "short": ("serving",),  # serverless
}
_ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture
def json_snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("part", PARTS)
def test_template(assembly: Assembly, environment: str, part: str, json_snapshot: SnapshotAssertion) -> None:
    text = assembly.template_file(environment, part).read_text()
    assert json.loads(_ASSET_HASH.sub("<hash of the asset>", text)) == json_snapshot


@pytest.mark.parametrize(("variant", "part"), [(name, part) for name, parts in _OTHER_MODES.items() for part in parts])
def test_template_of_another_mode(variants: Path, variant: str, part: str, json_snapshot: SnapshotAssertion) -> None:
    text = Assembly(variants).template_file(variant, part).read_text()
    assert json.loads(_ASSET_HASH.sub("<hash of the asset>", text)) == json_snapshot


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pipeline_definition(assembly: Assembly, environment: str, json_snapshot: SnapshotAssertion) -> None:
    """Readable form of the definition, which is one long string in the template."""
    definition = json.dumps(Deployment(assembly, environment).pipeline_definition())
    assert json.loads(_ASSET_HASH.sub("<hash of the asset>", definition)) == json_snapshot
