"""Command of a processing container, with container paths mapped to this machine."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.runtime.images import Image, ImageUnavailable

BASE = "/opt/ml"
"""SageMaker's directory in a container."""

_PROGRAMS = "/opt/program/"
_PYTHONS = ("python", "python3", "/usr/bin/python3", "/usr/local/bin/python3")


def command_of(image: Image, specification: Mapping[str, Any], base: Path) -> list[str]:
    """Return the command of an ``AppSpecification`` for an image.

    Args:
        image: The image.
        specification: ``AppSpecification`` of the request.
        base: Directory in place of ``/opt/ml``.

    Raises:
        ImageUnavailable: The request names no entry point, or one that the image does not have.
    """
    entrypoint: list[str] = specification.get("ContainerEntrypoint") or []
    if not entrypoint:
        raise ImageUnavailable(
            f"The image {image.uri} has no entry point of its own: ContainerEntrypoint must name one."
        )
    program, arguments = entrypoint[0], [*entrypoint[1:], *(specification.get("ContainerArguments") or [])]
    local = [_in_image(in_base(argument, base), image) for argument in arguments]
    if program in _PYTHONS:
        return [sys.executable, *local]
    name = program.removeprefix(_PROGRAMS)
    return [*image.require(name).command(name), *local]


def in_base(text: str, base: Path) -> str:
    """Map paths below ``/opt/ml`` in a text to this machine."""
    return text.replace(f"{BASE}/", f"{base}/")


def environment_of(environ: Mapping[str, str] | None, base: Path) -> dict[str, str]:
    """Return the request's ``Environment`` for the container."""
    return {name: in_base(str(value), base) for name, value in (environ or {}).items()}


def local_path(path: str, base: Path) -> Path:
    """Return the local directory for a path below ``/opt/ml``."""
    return base / path.removeprefix(BASE).strip("/")


def _in_image(text: str, image: Image) -> str:
    return text.replace(_PROGRAMS, f"{image.directory}/")
