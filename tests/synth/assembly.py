"""What the real CDK CLI writes, and the templates that the CDK makes in process of one configuration."""

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
# Where a machine delivers. The pipeline updates itself with the CLI that package.json names.
DELIVERY = ("delivery.yaml", "package.json")

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """A directory that ``cdk synth`` wrote."""

    directory: Path

    def parts(self, environment: str) -> list[str]:
        """Return the stacks of an environment."""
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
        """Return account and region of an environment, the first of which its file need not say."""
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
    """Copy what synth reads, without what running the code leaves behind."""
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
    """Run the pinned CDK CLI on the app in ``source``, with the environment and nothing of this process's."""
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
    """Write what the app would for these environments, held against the same rules; an open finding raises.

    Args:
        output: the assembly.
        environments: what their files would say, by name.
        neighbours: what those files would say that stand beside them; nothing is written for these.
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
    """Return one stack's template for an environment that is called ``test`` and says only this."""
    app = App(context=context(), builtin_cloud_formation_validation=False)
    stage = TopicsmithStage(app, "test", config=EnvironmentConfig.model_validate({"region": "eu-west-1", **config}))
    stack = stage.node.find_child(part)
    assert isinstance(stack, Stack)
    return Template.from_stack(stack)


@functools.cache
def context() -> JsonObject:
    """Return what ``cdk.json`` sets for the app: CDK's feature flags."""
    return _object(json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"]))


def _object(text: str) -> JsonObject:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value
