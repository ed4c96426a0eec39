"""Settings and checks shared by all tests."""

import functools
from pathlib import Path
from typing import Any

import pytest
from botocore import loaders
from hypothesis import settings

from tests.leaks import (  # noqa: F401
    _nothing_outlives_the_module,
    _nothing_outlives_the_session,
    _nothing_outlives_the_test,
    pytest_fixture_setup,
)

# How long an example takes says more of the machine than of the code.
settings.register_profile("topicsmith", deadline=None)
settings.load_profile("topicsmith")

# Tests of these folders share something that is expensive to make (an assembly, a cloud with a deployment).
_ONE_WORKER_EACH = ("synth", "end_to_end")
# Those that share one of these fixtures are as long as all others of tests/end_to_end: they have a cloud of their own.
_SECOND_CLOUD = {"small", "strict"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = item.path.relative_to(Path(__file__).parent).parts[0]
        if group in _ONE_WORKER_EACH:
            fixtures = set(getattr(item, "fixturenames", ()))
            second = group == "end_to_end" and not fixtures.isdisjoint(_SECOND_CLOUD)
            item.add_marker(pytest.mark.xdist_group(f"{group}-second" if second else group))


@functools.cache
def _read_once(path: str) -> Any:
    return _read(loaders.JSONFileLoader(), path)


# Every session of boto3 reads AWS's descriptions of its APIs anew, and many tests begin one.
_read = loaders.JSONFileLoader.load_file
loaders.JSONFileLoader.load_file = lambda _, file_path: _read_once(file_path)  # type: ignore[method-assign]
