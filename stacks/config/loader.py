"""Reads ``environments/*.yaml``: one file is one environment, its name is the file's."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeGuard, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stacks.config.checks.promotion import promotion_conflicts
from stacks.config.environment import EnvironmentConfig

# It becomes part of the endpoint's name (63 characters) and of the stacks' names.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME_LENGTH = 32

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """What is wrong in one or more environment files, and what is allowed there, in lines for a reader."""


def load_environments(folder: Path) -> dict[str, EnvironmentConfig]:
    """Return the environments by name, in the order of their names.

    Raises:
        ConfigError: a file cannot be used; the message has every error of every file.
    """
    environments: dict[str, EnvironmentConfig] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            environments[_name_of(path)] = load_environment(path)
        except ConfigError as error:
            problems.append(str(error))
    if not problems:
        between = promotion_conflicts(environments)
        problems = [explain_all(folder / f"{name}.yaml", EnvironmentConfig, found) for name, found in between.items()]
    if problems:
        raise ConfigError("\n".join(problems))
    if not environments:
        raise ConfigError(f"{_shown(folder)} has no *.yaml file, and each environment is one.")
    return environments


def load_environment(path: Path) -> EnvironmentConfig:
    """Return what one file says.

    Raises:
        ConfigError: with file, line, key, value and what is allowed, for every error in it.
    """
    return load_file(path, EnvironmentConfig)


def load_file(path: Path, model: type[Model]) -> Model:
    """Return what a file says, as a model whose validators know the file's name.

    Raises:
        ConfigError: with file, line, key, value and what is allowed, for every error in it.
    """
    try:
        values = yaml.load(path.read_bytes(), _Loader)
        return model.model_validate({} if values is None else values, context={"name": path.stem})
    except yaml.YAMLError as error:
        raise ConfigError(f"{_shown(path)} is not usable YAML: {_one_line(error)}") from None
    except ValidationError as error:
        raise ConfigError(explain_all(path, model, error.errors())) from None


def explain_all(path: Path, model: type[BaseModel], details: Sequence[ErrorDetails]) -> str:
    """Return what is wrong in a file, a line for each error, in their order in the file."""
    root = yaml.compose(path.read_bytes(), _Loader)
    problems = sorted((_line_of(root, detail["loc"]), _explain(detail, model)) for detail in details)
    lines = [f"  line {line}, {problem}" for line, problem in problems]
    return "\n".join([f"{_shown(path)} cannot be used:", *lines])


class _Loader(yaml.SafeLoader):
    """YAML in which a key stands once, and ``1e-3`` is the number that it is in YAML 1.2."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            # It looks like a date or a number, and is none.
            raise yaml.constructor.ConstructorError(problem=str(error), problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
)


def _name_of(path: Path) -> str:
    if path.suffix != ".yaml" or not _NAME.fullmatch(path.stem) or len(path.stem) > _NAME_LENGTH:
        raise ConfigError(
            f"{_shown(path)} does not name an environment; allowed: <name>.yaml, the name at most "
            f"{_NAME_LENGTH} lower-case letters, digits and single hyphens, beginning with a letter"
        )
    return path.stem


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part != "[key]") or "the whole file"
    match detail["type"]:
        case "missing":
            return f"{key} is missing"
        case "unsaid":
            return f"{key} is missing: {detail['msg']}"
        case "extra_forbidden":
            fields = _model_at(detail["loc"][:-1], model).model_fields
            allowed = sorted(field.alias or name for name, field in fields.items())
            near = get_close_matches(str(detail["loc"][-1]), allowed, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            return f"{key}: unknown key{hint}; allowed: {', '.join(allowed)}"
        case "string_type" if not isinstance(detail["input"], list | dict | None):
            return f"{key}: {detail['input']!r} is not text to YAML; put it in quotes"
        case _:
            # A sequence is a list in YAML, and a tuple in the model, so that it cannot be changed.
            value = list(detail["input"]) if isinstance(detail["input"], tuple) else detail["input"]
            return f"{key}: {value!r}: {detail['msg'].replace('tuple', 'list').replace('Tuple', 'List')}"


def _model_at(path: Sequence[str | int], model: type[BaseModel]) -> type[BaseModel]:
    # A place in a list of sections is no field.
    for part in (part for part in path if isinstance(part, str)):
        annotation = model.model_fields[part].annotation
        # A section, one that may be null, or a list of them.
        kinds = (_plain(one) for one in (annotation, *get_args(annotation)))
        (model,) = (one for one in kinds if _is_model(one))
    return model


def _plain(annotation: object) -> object:
    """Return a type without what is said about it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _line_of(root: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Return the line of the deepest part of the path that the file has, from 1."""
    *_, mark = _marks(root, path)
    return mark + 1


def _marks(node: yaml.Node | None, path: Sequence[str | int]) -> Iterator[int]:
    yield node.start_mark.line if node else 0
    for part in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            yield node.start_mark.line
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == str(part)), None)
        if found is None:
            return
        key, node = found
        yield key.start_mark.line


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _shown(path: Path) -> str:
    if not path.suffix:
        return f"{path.name}/"
    return f"{path.parent.name}/{path.name}" if path.parent.name == "environments" else path.name
