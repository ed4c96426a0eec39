"""Modules that this Python has, but not an image that is built for one target of its Dockerfile."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_FOLDER = ".docker-target"
_SITE = "sitecustomize.py"

# Python runs a sitecustomize.py on its path before any program.
_BLOCKER = '''"""Modules that the image's target does not install cannot be imported: {modules}."""

import sys


class _Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, _Blocker)
'''


def block(image: Path, target: str, modules: Sequence[str]) -> None:
    """Record an image's target, and block the modules that it lacks."""
    folder = image / _FOLDER
    folder.mkdir()
    (folder / "target").write_text(target)
    if modules:
        (folder / _SITE).write_text(_BLOCKER.format(modules=list(modules)))


def blocking_environment(image: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a container's environment, if any, that block the modules which its image lacks."""
    folder = image / _FOLDER
    if not (folder / _SITE).is_file():
        return {}
    return {"PYTHONPATH": ":".join(filter(None, (str(folder), environ.get("PYTHONPATH"))))}
