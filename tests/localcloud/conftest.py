from collections.abc import Iterator

import pytest

from tests.localcloud.support import SmallCloud, set_up, start_cloud, stop_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCloud]:
    cloud = start_cloud(tmp_path_factory.mktemp("state"))
    try:
        set_up(cloud)
        yield cloud
    finally:
        stop_cloud(cloud)
