"""Reports of ``diff`` on realistic refactorings and edits of the project's own templates."""

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.synth.assembly import Assembly, JsonObject
from topicsmith.diff.compare import compare
from topicsmith.diff.model import assembly as cloud_assembly
from topicsmith.diff.model.assembly import Stack
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.comparison import Sides

Edit = Callable[[dict[str, JsonObject]], None]


def _resource(templates: dict[str, JsonObject], part: str, kind: str, path: str = "") -> JsonObject:
    """Return the first resource of a type whose construct path contains ``path``."""
    return next(
        resource
        for resource in templates[part]["Resources"].values()
        if resource["Type"] == kind and path in resource["Metadata"]["aws:cdk:path"]
    )


def _rename(part: str, prefix: str, new: str) -> Edit:
    """Return an edit that prefixes a construct's logical ids in all templates, as renaming the construct would."""

    def edit(templates: dict[str, JsonObject]) -> None:
        ids = [name for name in templates[part]["Resources"] if name.startswith(prefix)]
        for name, template in templates.items():
            text = json.dumps(template)
            for one in ids:
                text = text.replace(f"{one}Arn", f"{new}{one}Arn").replace(f'"{one}"', f'"{new}{one}"')
            templates[name] = json.loads(text)

    return edit


def _replace(part: str, old: str, new: str) -> Edit:
    def edit(templates: dict[str, JsonObject]) -> None:
        text = json.dumps(templates[part])
        assert old in text
        templates[part] = json.loads(text.replace(old, new))

    return edit


def _set(part: str, kind: str, key: str, value: Any, path: str = "") -> Edit:
    def edit(templates: dict[str, JsonObject]) -> None:
        _resource(templates, part, kind, path)["Properties"][key] = value

    return edit


def _unkeep(templates: dict[str, JsonObject]) -> None:
    _resource(templates, "data", "AWS::S3::Bucket")["DeletionPolicy"] = "Delete"


def _widen(action: str, resource: str) -> Edit:
    def edit(templates: dict[str, JsonObject]) -> None:
        policy = _resource(templates, "serving", "AWS::IAM::Policy", "Endpoint/Role")
        policy["Properties"]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": action, "Resource": resource}
        )

    return edit


def _split_statements(templates: dict[str, JsonObject]) -> None:
    for policy in templates["training"]["Resources"].values():
        if policy["Type"] == "AWS::IAM::Policy":
            document = policy["Properties"]["PolicyDocument"]
            document["Statement"] = [
                {**statement, "Action": action}
                for statement in reversed(document["Statement"])
                for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
            ]


def _new_code(templates: dict[str, JsonObject]) -> None:
    function = _resource(templates, "training", "AWS::Lambda::Function", "Preprocess")
    function["Properties"]["Code"]["S3Key"] = f"{'0' * 64}.zip"


def _bare_endpoint(templates: dict[str, JsonObject]) -> None:
    del templates["serving"]["Resources"][
        next(
            name for name, one in templates["serving"]["Resources"].items() if one["Type"] == "AWS::SageMaker::Endpoint"
        )
    ]


EDITS: dict[str, tuple[Edit, Risk, str]] = {
    "bucket": (_rename("data", "DataBucket", "New"), Risk.DATA, "renamed"),
    "registry": (_rename("training", "Registry", "New"), Risk.DATA, "renamed"),
    "endpoint": (_rename("serving", "Endpoint", "New"), Risk.DATA, "renamed"),
    "removal": (_unkeep, Risk.DATA, "removal-policy"),
    "retention": (_set("serving", "AWS::Logs::LogGroup", "RetentionInDays", 1), Risk.DATA, "kept-shorter"),
    "no-endpoint": (_bare_endpoint, Risk.DATA, "deleted"),
    "description": (
        _set("training", "AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupDescription", "x"),
        Risk.DATA,
        "replaced",
    ),
    "admin": (_widen("*", "*"), Risk.ACCESS, "opened"),
    "every-bucket": (_widen("s3:GetObject", "*"), Risk.ACCESS, "opened"),
    "wider": (_widen("s3:GetObject", "arn:aws:s3:::another/*"), Risk.ACCESS, "widened"),
    "isolation": (_set("serving", "AWS::SageMaker::Model", "EnableNetworkIsolation", False), Risk.ACCESS, "guard-off"),
    "gate": (_replace("training", '\\"RightValue\\":0.1}', '\\"RightValue\\":0.05}'), Risk.BEHAVIOUR, "gate"),
    "range": (
        _replace("training", '\\"MaxValue\\":\\"0.02\\"', '\\"MaxValue\\":\\"0.1\\"'),
        Risk.BEHAVIOUR,
        "arguments",
    ),
    "scaling": (
        _set("serving", "AWS::ApplicationAutoScaling::ScalableTarget", "MaxCapacity", 3),
        Risk.BEHAVIOUR,
        "changed",
    ),
    "role": (_rename("training", "TrainingRole", "New"), Risk.REST, "made-anew"),
    "statements": (_split_statements, Risk.REST, "same"),
    "code": (_new_code, Risk.REST, "code"),
    "text": (_set("data", "AWS::KMS::Key", "Description", "x"), Risk.REST, "descriptions"),
}


@pytest.fixture(scope="module")
def changes(assembly: Assembly) -> dict[str, list[Change]]:
    """The changes per edit of prod. Each edit has its own environment, so that one comparison covers them all."""
    prod = [stack for stack in cloud_assembly.read(assembly.directory) if stack.environment == "prod"]
    before, after = [], []
    for name, (edit, _, _) in EDITS.items():
        stacks = {stack.path.split("/")[1]: _of_environment(stack, name) for stack in prod}
        templates = {part: copy.deepcopy(stack.template) for part, stack in stacks.items()}
        edit(templates)
        before += stacks.values()
        after += [dataclasses.replace(stack, template=templates[part]) for part, stack in stacks.items()]
    report = compare(Sides(before=before, after=after))
    return {
        name: [one.change for one in report.found if any(f"topicsmith-{name}-" in stack for stack in one.stacks)]
        for name in EDITS
    }


def _of_environment(stack: Stack, name: str) -> Stack:
    template = json.loads(json.dumps(stack.template).replace("topicsmith-prod", f"topicsmith-{name}"))
    return dataclasses.replace(
        stack, name=stack.name.replace("prod", name), path=stack.path.replace("prod", name), template=template
    )


@pytest.mark.parametrize("name", EDITS)
def test_the_most_important_change_is_first(changes: dict[str, list[Change]], name: str) -> None:
    _, risk, rule = EDITS[name]
    first = changes[name][0]
    assert (first.risk, first.rule) == (risk, rule)
    assert first.dangerous is (risk is Risk.DATA or rule == "opened")


@pytest.mark.parametrize("name", [name for name, (_, risk, _) in EDITS.items() if risk is Risk.REST])
def test_harmless_edits_are_reported_as_harmless(changes: dict[str, list[Change]], name: str) -> None:
    assert {change.risk for change in changes[name]} == {Risk.REST}


@pytest.mark.parametrize("name", ["bucket", "registry"])
def test_references_to_a_renamed_resource_are_folded(changes: dict[str, list[Change]], name: str) -> None:
    lost, *rest = changes[name]
    assert lost.dangerous
    assert {change.risk for change in rest} <= {Risk.REST}


def test_an_assembly_compared_with_itself_has_no_changes(assembly: Assembly) -> None:
    stacks = cloud_assembly.read(assembly.directory)
    assert {stack.environment for stack in stacks} >= {"dev", "prod"}
    assert compare(Sides(before=stacks, after=stacks)).status == 0


# Labels without effect on permissions.
_SAYS_NOTHING = {"Sid", "Version", "PolicyName"}


def test_no_value_of_a_template_changes_unnoticed(assembly: Assembly) -> None:
    """Changing any single value of any resource type is reported as more than a change of wording."""
    before, after, places = [], [], {}
    for kind, path, resource in _values(assembly):
        name = f"case{len(places)}"
        places[name] = (kind, *path)
        stack = Stack(name, f"{name}/stack", None, "us-east-1", {"Resources": {"Thing": resource}})
        before.append(stack)
        after.append(dataclasses.replace(stack, template={"Resources": {"Thing": _with_another(resource, path)}}))
    report = compare(Sides(before=before, after=after))
    told = {stack for one in report.found if one.change.rule != "same" for stack in one.stacks}
    assert {places[name] for name in places.keys() - told if places[name][-1] not in _SAYS_NOTHING} == set()


def _values(assembly: Assembly) -> Iterator[tuple[str, tuple[str | int, ...], JsonObject]]:
    """Yield each property path of each resource type once, with a resource that has it."""
    seen = set()
    for stack in cloud_assembly.read(assembly.directory):
        for resource in stack.template["Resources"].values():
            for path, value in _leaves(resource.get("Properties", {}), ()):
                place = (resource["Type"], tuple(part for part in path if isinstance(part, str)))
                if place not in seen and len(str(value)) < 1000:
                    seen.add(place)
                    yield resource["Type"], path, resource


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if members is None:
        yield path, value
    else:
        for key, item in members:
            yield from _leaves(item, (*path, key))


def _with_another(resource: JsonObject, path: tuple[str | int, ...]) -> JsonObject:
    changed = copy.deepcopy(resource)
    place: Any = changed["Properties"]
    for part in path[:-1]:
        place = place[part]
    old = place[path[-1]]
    place[path[-1]] = (not old) if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}X"
    return changed
