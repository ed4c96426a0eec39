from collections.abc import Iterator

import pytest

from localcloud.runtime import processes


@pytest.fixture(autouse=True)
def _reaper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test its own reaper, closed after the test."""
    reaper = processes._Reaper()
    monkeypatch.setattr(processes, "_reaper", reaper)
    yield
    reaper.close()
