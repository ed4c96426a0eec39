"""Reads a cloud assembly: the directory that ``cdk synth`` writes."""

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
    """A stack with everything about it that a deployment acts on.

    Attributes:
        name: CloudFormation's name of it.
        path: its construct's path, for example ``prod/data``.
        account: where it is deployed; None where the credentials say it.
        region: the same.
        template: its template.
        protected: whether it has termination protection.
        tags: of the stack.
        deployed_by: the roles that deploy it, by the manifest's names of them.
        parameters: the values that it is deployed with; empty where only the template is known.
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
        """The stage that it is part of; None of a stack that stands by itself."""
        stages = self.path.split("/")[:-1]
        return stages[-1] if stages else None

    @property
    def place(self) -> str:
        """Account and region, as a message names them."""
        return f"{self.account or 'the account of the credentials'}, {self.region or 'their region'}"


def is_assembly(directory: Path) -> bool:
    """Tell whether ``directory`` is a cloud assembly."""
    return (directory / _MANIFEST).is_file()


def read(directory: Path) -> list[Stack]:
    """Return the stacks of an assembly and of those that lie in it, each once.

    Raises:
        OperatorError: it is not a cloud assembly.
    """
    if not is_assembly(directory):
        raise OperatorError(f"{directory} is not a cloud assembly: it has no {_MANIFEST}.", "cdk synth writes one.")
    found = {(stack.name, stack.account, stack.region): stack for stack in _stacks(directory)}
    return sorted(found.values(), key=lambda stack: stack.path)


def asset(directory: Path, digest: str) -> Path | None:
    """Return where the asset of a hash lies in an assembly: a directory or a file; None where it does not."""
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
    """Return account and region; the manifest says ``unknown-account`` where the credentials decide."""
    match = _PLACE.fullmatch(environment)
    assert match, environment
    account, region = (None if part.startswith("unknown-") else part for part in match.groups())
    return account, region
