"""Reader of cloud assemblies, the directories that ``cdk synth`` writes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topicsmith.core.errors import OperatorError

JsonObject = dict[str, Any]

_MANIFEST = "manifest.json"
_PLACE = re.compile(r"aws://(?P<account>[^/]+)/(?P<region>[^/]+)")
_DEPLOYED_BY = ("assumeRoleArn", "cloudFormationExecutionRoleArn")


@dataclass(frozen=True)
class Stack:
    """Synthesized or deployed stack.

    Attributes:
        name: Name in CloudFormation.
        path: Path of the construct, for example ``prod/data``.
        account: Target account; None if the credentials decide.
        region: Target region; None if the credentials decide.
        template: Template of the stack.
        protected: Whether termination protection is enabled.
        tags: Tags of the stack.
        deployed_by: Roles that deploy the stack, keyed by the property of the manifest.
        parameters: Parameter values; empty if only the template is known.
    """

    name: str
    path: str
    account: str | None
    region: str | None
    template: JsonObject
    protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    deployed_by: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> str | None:
        """Stage that contains the stack; None for a top-level stack."""
        stages = self.path.split("/")[:-1]
        return stages[-1] if stages else None

    @property
    def place(self) -> str:
        """Account and region, for messages."""
        return f"{self.account or 'the account of the credentials'}, {self.region or 'their region'}"


def is_assembly(directory: Path) -> bool:
    """Return True if ``directory`` is a cloud assembly."""
    return (directory / _MANIFEST).is_file()


def read(directory: Path) -> list[Stack]:
    """Return the stacks of an assembly and of its nested assemblies, each once.

    Raises:
        OperatorError: The directory is not a cloud assembly.
    """
    if not is_assembly(directory):
        raise OperatorError(f"{directory} is not a cloud assembly: {_MANIFEST} is missing.", "Create one: cdk synth")
    found = {(stack.name, stack.account, stack.region): stack for stack in _stacks(directory)}
    return sorted(found.values(), key=lambda stack: stack.path)


def asset(directory: Path, digest: str) -> Path | None:
    """Return the directory or file of the asset with this hash, or None if the assembly has none."""
    return next(iter(sorted(directory.glob(f"asset.{digest}*"))), None)


def files(asset: Path) -> Mapping[str, bytes]:
    """Return the contents of an asset's files by path."""
    paths: Sequence[Path] = sorted(asset.rglob("*")) if asset.is_dir() else [asset]
    return {
        str(path.relative_to(asset)) if path != asset else asset.suffix: path.read_bytes()
        for path in paths
        if path.is_file()
    }


def _stacks(directory: Path) -> Iterator[Stack]:
    for name, artifact in _load(directory / _MANIFEST).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(directory / properties["directoryName"])
        elif artifact["type"] == "aws:cloudformation:stack":
            account, region = _place(artifact["environment"])
            yield Stack(
                name=properties.get("stackName", name),
                path=artifact.get("displayName", name),
                account=account,
                region=region,
                template=_load(directory / properties["templateFile"]),
                protected=properties.get("terminationProtection", False),
                tags=properties.get("tags", {}),
                deployed_by={role: properties[role] for role in _DEPLOYED_BY if role in properties},
            )


def _load(path: Path) -> JsonObject:
    value = json.loads(path.read_text())
    assert isinstance(value, dict), path
    return value


def _place(environment: str) -> tuple[str | None, str | None]:
    """Return account and region; None stands for ``unknown-account``, where the credentials decide."""
    match = _PLACE.fullmatch(environment)
    assert match, environment
    account, region = (None if part.startswith("unknown-") else part for part in match.groups())
    return account, region
