"""Settings and checks shared by all tests."""

import functools
import gc
import os
from pathlib import Path
from typing import Any

import pytest
from botocore import loaders
from botocore.client import ClientCreator
from botocore.model import ServiceModel
from hypothesis import settings

from tests import leaks
from tests.grants import Grants

# The duration of an example depends on the machine more than on the code.
# Whoever runs all tests gets the same examples; `make quick` tries new ones.
settings.register_profile("topicsmith", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=int(os.environ.get("EXAMPLES", "100")))
settings.load_profile("topicsmith")

# Tests of these folders share expensive fixtures (an assembly, a cloud with a deployment).
_ONE_WORKER_EACH = ("synth", "end_to_end")
# Tests with one of these fixtures take as long as all others of tests/end_to_end, so they get their own cloud.
_SECOND_CLOUD = {"small", "strict"}


def pytest_configure(config: pytest.Config) -> None:
    # Hooks of a plugin see session fixtures; hooks of a conftest.py do not.
    config.pluginmanager.register(leaks, "leaks")
    is_whole = config.args == config.getini("testpaths") and not (config.option.keyword or config.option.markexpr)
    if is_whole and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Grants(), "grants")


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
loaders.JSONFileLoader.load_file = lambda _, file_path: _read_once(file_path)  # type: ignore[method-assign,assignment]

# It builds a class with a method and a docstring per operation, which depends on the service alone.
_classes: dict[tuple[str, str], type] = {}
_create_class = ClientCreator._create_client_class  # type: ignore[attr-defined]


def _class_of(creator: ClientCreator, service_name: str, service_model: ServiceModel) -> type:
    key = (service_name, service_model.api_version)
    if key not in _classes:
        _classes[key] = _create_class(creator, service_name, service_model)
    return _classes[key]


ClientCreator._create_client_class = _class_of  # type: ignore[attr-defined]
