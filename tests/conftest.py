"""What all tests share."""

from pathlib import Path

import pytest

# Tests of these folders share something that is expensive to make (an assembly, a cloud with a deployment).
_ONE_WORKER_EACH = ("synth", "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _ONE_WORKER_EACH:
            item.add_marker(pytest.mark.xdist_group(folder))
