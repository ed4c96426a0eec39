"""Loader of ``environments/*.yaml``, one file per environment."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeGuard, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stacks.config.checks.names import name_conflicts
from stacks.config.checks.promotion import promotion_conflicts
from stacks.config.environment import EnvironmentConfig

# The name is part of the names of the endpoint (at most 63 characters) and the stacks.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME_LENGTH = 32

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """Errors in one or more configuration files."""


def load_environments(folder: Path) -> dict[str, EnvironmentConfig]:
    """Return all environments by name, sorted.

    Raises:
        ConfigError: A file is invalid; the message lists every error of every file.
    """
    environments: dict[str, EnvironmentConfig] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            environments[_name_of(path)] = load_environment(path)
        except ConfigError as error:
            problems.append(str(error))
    if not problems:
        problems = [
            explain_all(folder / f"{name}.yaml", EnvironmentConfig, found)
            for between in (promotion_conflicts(environments), name_conflicts(environments))
            for name, found in between.items()
        ]
    if problems:
        raise ConfigError("\n".join(problems))
    if not environments:
        raise ConfigError(f"{_shown(folder)} has no *.yaml file. Add one for each environment.")
    return environments


def load_environment(path: Path) -> EnvironmentConfig:
    """Return the environment in a file.

    Raises:
        ConfigError: The file is invalid; the message lists line, key, value and allowed values of every error.
    """
    return load_file(path, EnvironmentConfig)


def load_file(path: Path, model: type[Model]) -> Model:
    """Return the content of a file as a model; its validators can access the file's name.

    Raises:
        ConfigError: The file is invalid; the message lists line, key, value and allowed values of every error.
    """
    try:
        values = yaml.load(path.read_bytes(), _Loader)
        return model.model_validate({} if values is None else values, context={"name": path.stem})
    except yaml.YAMLError as error:
        raise ConfigError(f"{_shown(path)} is not valid YAML: {_one_line(error)}") from None
    except ValidationError as error:
        raise ConfigError(explain_all(path, model, error.errors())) from None


def explain_all(path: Path, model: type[BaseModel], details: Sequence[ErrorDetails]) -> str:
    """Return the errors of a file, one per line, in file order."""
    root = yaml.compose(path.read_bytes(), _Loader)
    problems = sorted((_line_of(root, detail["loc"]), _explain(detail, model)) for detail in details)
    lines = [f"  line {line}, {problem}" for line, problem in problems]
    return "\n".join([f"{_shown(path)} is invalid:", *lines])


class _Loader(yaml.SafeLoader):
    """YAML loader that rejects duplicate keys and parses ``1e-3`` as a number, as YAML 1.2 does."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            # For example, an invalid date.
            raise yaml.constructor.ConstructorError(problem=str(error), problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
)


def _name_of(path: Path) -> str:
    if path.suffix != ".yaml" or not _NAME.fullmatch(path.stem) or len(path.stem) > _NAME_LENGTH:
        raise ConfigError(
            f"{_shown(path)} is not a valid name for an environment; allowed: <name>.yaml, where the name has at most "
            f"{_NAME_LENGTH} lower-case letters, digits and single hyphens and begins with a letter"
        )
    return path.stem


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part != "[key]") or "the whole file"
    match detail["type"]:
        case "missing":
            return f"{key} is missing"
        case "unset":
            return f"{key} is missing: {detail['msg']}"
        case "extra_forbidden":
            fields = _model_at(detail["loc"][:-1], model).model_fields
            allowed = sorted(field.alias or name for name, field in fields.items())
            near = get_close_matches(str(detail["loc"][-1]), allowed, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            return f"{key}: unknown key{hint}; allowed: {', '.join(allowed)}"
        case "string_type" if not isinstance(detail["input"], list | dict | None):
            return f"{key}: YAML does not read {detail['input']!r} as text; put it in quotes"
        case _:
            # YAML's lists are tuples in the models, which are immutable.
            value = list(detail["input"]) if isinstance(detail["input"], tuple) else detail["input"]
            return f"{key}: {value!r}: {detail['msg'].replace('tuple', 'list').replace('Tuple', 'List')}"


def _model_at(path: Sequence[str | int], model: type[BaseModel]) -> type[BaseModel]:
    # Skip list indices.
    for part in (part for part in path if isinstance(part, str)):
        annotation = model.model_fields[part].annotation
        # A section, an optional section or a list of sections.
        kinds = (_plain(one) for one in (annotation, *get_args(annotation)))
        (model,) = (one for one in kinds if _is_model(one))
    return model


def _plain(annotation: object) -> object:
    """Return a type without its annotations."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _line_of(root: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Return the line number of the deepest part of the path that exists in the file."""
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
