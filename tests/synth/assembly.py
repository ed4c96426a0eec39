"""Cloud assemblies from the real CDK CLI, and templates synthesized in process."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks

from stacks.config.environment import EnvironmentConfig
from stacks.config.promotion_paths import promotion_paths
from stacks.stage import TopicsmithStage

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = tuple(sorted(path.stem for path in (ROOT / "environments").glob("*.yaml")))
PARTS = ("data", "training", "serving")
SOURCES = ("app.py", "cdk.json", "environments", "stacks", "constructs", "lambdas", "containers")
# Needed for automated delivery. The delivery pipeline updates itself with the CLI pinned in package.json.
DELIVERY = ("delivery.yaml", "package.json")

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly written by ``cdk synth``."""

    directory: Path

    def parts(self, environment: str) -> list[str]:
        """Return the names of an environment's stacks."""
        names = (str(artifact.get("displayName")) for artifact in self._artifacts(environment))
        return [name.removeprefix(f"{environment}/") for name in names if name.startswith(f"{environment}/")]

    def template_file(self, environment: str, part: str) -> Path:
        (artifact,) = (
            artifact
            for artifact in self._artifacts(environment)
            if artifact.get("displayName") == f"{environment}/{part}"
        )
        return self._stage(environment) / str(artifact["properties"]["templateFile"])

    def place(self, environment: str) -> tuple[str, str]:
        """Return an environment's account, which its file may omit, and region."""
        (place,) = {str(one["environment"]) for one in self._artifacts(environment) if "displayName" in one}
        account, region = place.removeprefix("aws://").split("/")
        return account, region

    def template(self, environment: str, part: str) -> JsonObject:
        return _object(self.template_file(environment, part).read_text())

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }

    def _stage(self, environment: str) -> Path:
        return self.directory / f"assembly-{environment}"

    def _artifacts(self, environment: str) -> list[JsonObject]:
        return list(json.loads((self._stage(environment) / "manifest.json").read_text())["artifacts"].values())


def copy_sources(destination: Path) -> None:
    """Copy the files that synth reads, without caches and build output."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info")
    for name in (*SOURCES, *(name for name in DELIVERY if (ROOT / name).exists())):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=ignored)
        else:
            shutil.copy2(source, destination / name)


def cdk(
    source: Path, arguments: Sequence[str], environment: Mapping[str, str], *, wrapper: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the pinned CDK CLI on the app in ``source``, with only these environment variables and a minimal PATH."""
    scripts = Path(sys.executable).parent
    command = [*wrapper, str(scripts / "node"), str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"), *arguments]
    path = os.pathsep.join([str(scripts), "/usr/bin", "/bin"])
    return subprocess.run(
        command, cwd=source, env={"PATH": path, **environment}, capture_output=True, text=True, check=False, timeout=900
    )


def synthesize(source: Path, output: Path, environment: Mapping[str, str], *, wrapper: Sequence[str] = ()) -> Assembly:
    """Run ``cdk synth`` on every stack of the app in ``source``."""
    result = cdk(source, ["synth", "**", "--quiet", "--output", str(output)], environment, wrapper=wrapper)
    assert result.returncode == 0, result.stdout + result.stderr
    return Assembly(output)


def synthesize_in_process(
    output: Path, environments: Mapping[str, JsonObject], neighbours: Mapping[str, JsonObject] = MappingProxyType({})
) -> None:
    """Synthesize these environments as the app does, and raise if a rule is violated.

    Args:
        output: Directory of the assembly.
        environments: Contents of the environment files by name.
        neighbours: Contents of other environment files that promotion paths refer to; they are not synthesized.
    """
    app = App(context=context(), outdir=str(output))
    files = {**environments, **neighbours}
    configs = {name: EnvironmentConfig.model_validate(values) for name, values in files.items()}
    promotions = promotion_paths(configs)
    for name in environments:
        TopicsmithStage(app, name, config=configs[name], promotions=promotions[name])
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def template_of(part: str, **config: Any) -> Template:
    """Return one stack's template for an environment named ``test`` with only these settings."""
    app = App(context=context(), builtin_cloud_formation_validation=False)
    stage = TopicsmithStage(app, "test", config=EnvironmentConfig.model_validate({"region": "eu-west-1", **config}))
    stack = stage.node.find_child(part)
    assert isinstance(stack, Stack)
    return Template.from_stack(stack)


@functools.cache
def context() -> JsonObject:
    """Return the context of ``cdk.json``, the CDK's feature flags."""
    return _object(json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"]))


def _object(text: str) -> JsonObject:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value
