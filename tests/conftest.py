"""Settings and checks shared by all tests."""

import functools
import gc
from pathlib import Path
from typing import Any

import pytest
from botocore import loaders
from hypothesis import settings

from tests import leaks

# The duration of an example depends on the machine more than on the code.
settings.register_profile("topicsmith", deadline=None)
settings.load_profile("topicsmith")

# Tests of these folders share expensive fixtures (an assembly, a cloud with a deployment).
_ONE_WORKER_EACH = ("synth", "end_to_end")
# Tests with one of these fixtures take as long as all others of tests/end_to_end, so they get their own cloud.
_SECOND_CLOUD = {"small", "strict"}


def pytest_configure(config: pytest.Config) -> None:
    # Hooks of a plugin see session fixtures; hooks of a conftest.py do not.
    config.pluginmanager.register(leaks, "leaks")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = item.path.relative_to(Path(__file__).parent).parts[0]
        if group in _ONE_WORKER_EACH:
            fixtures = set(getattr(item, "fixturenames", ()))
            second = group == "end_to_end" and not fixtures.isdisjoint(_SECOND_CLOUD)
            item.add_marker(pytest.mark.xdist_group(f"{group}-second" if second else group))


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    # Nothing imported or collected is ever garbage. Left to the collector, it takes a second in each full collection.
    gc.freeze()
    gc.enable()


@functools.cache
def _read_once(path: str) -> Any:
    return _read(loaders.JSONFileLoader(), path)


# Each boto3 session parses AWS's API models again, and many tests create one.
_read = loaders.JSONFileLoader.load_file
loaders.JSONFileLoader.load_file = lambda _, file_path: _read_once(file_path)  # type: ignore[method-assign]
