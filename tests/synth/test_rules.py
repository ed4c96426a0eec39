"""Rules for every template and for the app as a whole."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack, aws_s3
from cdk_nag import AwsSolutionsChecks

from tests.synth.assembly import ENVIRONMENTS, PARTS, ROOT, Assembly, cdk
from tests.synth.variants import PROMOTED, VARIANTS

# For the addresses in tests and for the placeholder in prod.yaml.
_ADDRESSES_FOR_EXAMPLES = "Annotation::topicsmith:unheard-notifications"


def test_cdk_nag_and_cdks_own_rules_find_nothing(assembly: Assembly, variants: Path) -> None:
    for directory in (assembly.directory, variants):
        report = json.loads((directory / "validation-report.json").read_text())
        found = {one["ruleName"] for plugin in report["pluginReports"] for one in plugin["violations"]}
        assert found <= {_ADDRESSES_FOR_EXAMPLES}


def test_cdk_nag_is_active() -> None:
    app = App()
    aws_s3.Bucket(Stack(app, "stack"), "bucket")
    found = {violation.rule_name for violation in AwsSolutionsChecks(app).validate_scope(app).violations}
    assert found == {"AwsSolutions-S1", "AwsSolutions-S10"}


def test_cfn_lint_finds_nothing(assembly: Assembly, variants: Path) -> None:
    templates = [path for root in (assembly.directory, variants) for path in root.glob("assembly-*/*.template.json")]
    private = [one for one in VARIANTS.values() if one.get("network", {}).get("mode") == "private"]
    ours = sum(len(assembly.parts(environment)) for environment in ENVIRONMENTS)
    assert len(templates) == ours + len(PARTS) * (len(VARIANTS) + len(PROMOTED) + 1) + len(private)
    command = [Path(sys.executable).with_name("cfn-lint"), *templates]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_resource_that_can_be_is_tagged_with_its_environment(assembly: Assembly, environment: str) -> None:
    for part in PARTS:
        for name, resource in assembly.template(environment, part)["Resources"].items():
            tags = resource["Properties"].get("Tags")
            assert tags is None or {"Key": "environment", "Value": environment} in tags, name


def test_prod_is_protected_and_dev_is_not(assembly: Assembly) -> None:
    for name, protected in (("dev", False), ("prod", True)):
        manifest = json.loads((assembly.directory / f"assembly-{name}" / "manifest.json").read_text())
        artifacts = manifest["artifacts"].values()
        stacks = [one["properties"] for one in artifacts if one["type"] == "aws:cloudformation:stack"]
        assert {stack["stackName"] for stack in stacks} == {f"topicsmith-{name}-{part}" for part in PARTS}
        assert {stack["terminationProtection"] for stack in stacks} == {protected}


def test_cdk_ls_shows_the_environments(assembly: Assembly) -> None:
    result = cdk(ROOT, ["ls", "--app", str(assembly.directory)], {"HOME": os.environ["HOME"]})
    stacks = [line.split()[0] for line in result.stdout.splitlines() if not line.startswith("Delivery")]
    found = [f"{environment}/{part}" for environment in ENVIRONMENTS for part in assembly.parts(environment)]
    assert sorted(stacks) == sorted(found)


def test_every_feature_flag_has_the_recommended_value() -> None:
    file = ROOT / "node_modules" / "aws-cdk" / "lib" / "init-templates" / ".recommended-feature-flags.json"
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    recommended = json.loads(file.read_text())
    assert {flag: context.get(flag) for flag in recommended} == recommended


def test_constructs_is_both_our_folder_and_the_library() -> None:
    """An __init__.py in the folder would shadow the library of the same name."""
    assert not (ROOT / "constructs" / "__init__.py").exists()
    library = importlib.import_module("constructs")
    assert library.__file__
    assert ROOT / "constructs" not in Path(library.__file__).parents
    ours = importlib.import_module("constructs.data.data_bucket")
    assert ours.__file__ == str(ROOT / "constructs" / "data" / "data_bucket.py")
