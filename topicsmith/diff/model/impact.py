"""Predicted actions of CloudFormation on each resource, from the CDK's diff library."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topicsmith.core.errors import OperatorError
from topicsmith.diff.model.assembly import JsonObject

_PROGRAM = Path(__file__).with_name("change_impact.cjs")


@dataclass(frozen=True)
class Question:
    """Templates to compare, as written and in the readable form of ``intrinsics``."""

    old: JsonObject
    new: JsonObject
    readable_old: JsonObject
    readable_new: JsonObject


@dataclass(frozen=True)
class ResourceImpact:
    """Action on one resource.

    Attributes:
        impact: ``WILL_UPDATE``, ``WILL_CREATE``, ``WILL_REPLACE``, ``MAY_REPLACE``, ``WILL_DESTROY``, ``WILL_ORPHAN``.
        replacing: Properties that cannot be changed in place.
    """

    impact: str
    replacing: tuple[str, ...]


@dataclass(frozen=True)
class Impact:
    """Actions on the resources of one stack.

    Attributes:
        resources: Actions by logical ID, without unchanged resources.
        security_groups: Added and removed rules, keyed by ``ingressRuleAdditions`` and the like.
        stateful: Stateful resource types.
    """

    resources: Mapping[str, ResourceImpact]
    security_groups: Mapping[str, Sequence[JsonObject]]
    stateful: frozenset[str]


def ask(questions: Sequence[Question]) -> list[Impact]:
    """Return the actions on each stack.

    Raises:
        OperatorError: Node or the library is not installed.
    """
    # Loading the library takes longer than its answer, and most stacks are unchanged.
    changed = [one for one in questions if one.old != one.new]
    answers = iter(_answers(changed) if changed else [])
    nothing = Impact(resources={}, security_groups={}, stateful=frozenset())
    return [next(answers) if one.old != one.new else nothing for one in questions]


def _answers(questions: Sequence[Question]) -> list[Impact]:
    pairs = [
        {"old": one.old, "new": one.new, "readableOld": one.readable_old, "readableNew": one.readable_new}
        for one in questions
    ]
    answer = _run(json.dumps(pairs))
    return [
        Impact(
            resources={
                logical_id: ResourceImpact(one["impact"], tuple(one["replacing"]))
                for logical_id, one in pair["resources"].items()
            },
            security_groups=pair["securityGroups"],
            stateful=frozenset(answer["stateful"]),
        )
        for pair in answer["pairs"]
    ]


def _run(pairs: str) -> Any:
    install = "`make diff` installs it."
    # The environment installs Node beside Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    node = shutil.which("node", path=path)
    if node is None:
        raise OperatorError("Node is not installed, and the CDK's diff library runs on it.", install)
    result = subprocess.run([node, str(_PROGRAM)], input=pairs, capture_output=True, text=True, check=False)
    if result.returncode:
        if "MODULE_NOT_FOUND" in result.stderr:
            raise OperatorError("The CDK's diff library is not installed.", install)
        raise OperatorError("The CDK's diff library failed:", result.stderr.strip())
    return json.loads(result.stdout)
