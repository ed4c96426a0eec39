"""Settings in ``environments/<name>.yaml`` for promotions and the pinned model.

Only ``make synth`` validates the whole file.
"""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from topicsmith.core import checkout
from topicsmith.core.errors import OperatorError

_SECTION = "serving"
_KEY = "model_package"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class Promotion(_Settings):
    """Section ``promotion``."""

    source: str | None = Field(default=None, alias="from")
    method: Literal["pin", "register"] = "register"


class Serving(_Settings):
    """Section ``serving``."""

    model_package: str | None = None


class Settings(_Settings):
    """Settings that matter to a promotion, with the defaults of ``stacks/config/sections/environment.py``."""

    account: str | None = None
    region: str
    promotion: Promotion = Promotion()
    serving: Serving = Serving()


@dataclass(frozen=True)
class EnvironmentFile:
    """Snapshot of an environment's file."""

    name: str
    path: Path
    text: str
    settings: Settings

    @property
    def shown(self) -> str:
        """Path for messages."""
        return f"{self.path.parent.name}/{self.path.name}"


def folder() -> Path:
    """Return the folder of the environments' files in the checkout.

    Raises:
        OperatorError: The current directory is not in a checkout.
    """
    return checkout.project_root() / "environments"


def read(folder: Path, name: str) -> EnvironmentFile:
    """Return the file of environment ``name``.

    Raises:
        OperatorError: The file does not exist or is invalid.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise OperatorError(
            f"Environment {name} has no file {path}." + (f" There are files for: {there}." if there else ""),
            "Specify its folder with --environments, or add the file and deploy the environment.",
        )
    shown = f"{folder.name}/{path.name}"
    try:
        # Preserves line endings.
        text = path.read_bytes().decode()
        return EnvironmentFile(name, path, text, Settings.model_validate(yaml.safe_load(text)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OperatorError(f"{shown} cannot be read: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise OperatorError(
            f"{shown} is invalid: {key}: {first['msg']}.", "List all errors with line numbers: make synth"
        ) from error


def region(name: str) -> str | None:
    """Return the region in the file of environment ``name``, or ``None`` without a checkout or a readable file."""
    try:
        return read(folder(), name).settings.region
    except OperatorError:
        return None


def pinned(file: EnvironmentFile, arn: str) -> str:
    """Return the file's text with ``serving.model_package`` set to ``arn``, which changes or adds one line.

    Raises:
        OperatorError: The key cannot be set by changing a single line.
    """
    try:
        text = _spliced(file.text, arn)
        expected = yaml.safe_load(file.text) or {}
        expected[_SECTION] = {**(expected.get(_SECTION) or {}), _KEY: arn}
        if yaml.safe_load(text) == expected:
            return text
    except (yaml.YAMLError, _OtherForm):
        pass
    raise OperatorError(
        f"{_SECTION}.{_KEY} in {file.shown} cannot be set by changing a single line.",
        f"Set it manually and promote again:\n{_SECTION}:\n  {_KEY}: {arn}",
    )


def write(file: EnvironmentFile, text: str) -> None:
    """Replace the text of the file atomically.

    Raises:
        OperatorError: The file cannot be written, or has changed since it was read.
    """
    # Keeps a symbolic link.
    path = file.path.resolve()
    try:
        if path.read_bytes().decode(errors="replace") != file.text:
            raise OperatorError(f"{file.shown} was changed in the meantime.", "Promote again.")
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as other:
            try:
                other.write(text.encode())
                other.flush()
                os.fsync(other.fileno())
                Path(other.name).chmod(path.stat().st_mode)
                Path(other.name).replace(path)
            except BaseException:
                Path(other.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OperatorError(f"{file.shown} cannot be written: {error.strerror or error}.") from error


class _OtherForm(Exception):
    """The file cannot be edited by changing one line."""


def _spliced(text: str, arn: str) -> str:
    """Return ``text`` with the ARN inserted at the position that the YAML parser reports.

    A round-trip YAML library would keep the meaning and the comments, but not every byte.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    if root is None:
        return _appended(text, arn)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _OtherForm
    section = _value(root, _SECTION)
    if section is None:
        return _appended(text, arn)
    if isinstance(section, yaml.MappingNode):
        value = _value(section, _KEY)
        if value is not None:
            return _replaced(text, value, arn)
        if section.flow_style:
            # A trailing comma is allowed, which makes this valid in an empty mapping too.
            start = section.start_mark.index + 1
            return f'{text[:start]}{_KEY}: "{arn}", {text[start:]}'
        return _inserted(text, root, " " * section.value[0][0].start_mark.column, arn)
    if section.start_mark.index == section.end_mark.index:
        return _inserted(text, root, "  ", arn)
    raise _OtherForm


def _value(mapping: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in mapping.value if key.value == name), None)


def _replaced(text: str, value: yaml.Node, arn: str) -> str:
    start, end = value.start_mark.index, value.end_mark.index
    if not isinstance(value, yaml.ScalarNode) or value.start_mark.line != value.end_mark.line:
        raise _OtherForm
    space = " " if text[start - 1 : start] == ":" else ""
    quote = text[start] if text[start:end][:1] in ('"', "'") else ""
    return f"{text[:start]}{space}{quote}{arn}{quote}{text[end:]}"


def _inserted(text: str, root: yaml.MappingNode, indentation: str, arn: str) -> str:
    """Return ``text`` with a line added below the section's name, which keeps comments next to their keys."""
    key = next(key for key, _ in root.value if key.value == _SECTION)
    line_end = re.compile(r"\r?\n|\Z").search(text, key.end_mark.index)
    assert line_end is not None
    newline = line_end.group() or _newline(text)
    before = text[: line_end.start()] + newline
    return f"{before}{indentation}{_KEY}: {arn}{newline}{text[line_end.end() :]}"


def _appended(text: str, arn: str) -> str:
    newline = _newline(text)
    before = text if not text or text.endswith("\n") else text + newline
    return f"{before}{_SECTION}:{newline}  {_KEY}: {arn}{newline}"


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
