import importlib
from collections import Counter

from localcloud.server.services import SERVICES
from tests.localcloud.support import ROOT

FOLDER = ROOT / "localcloud" / "localcloud" / "services"


def test_all_services_are_served() -> None:
    modules = [f"localcloud.services.{path.parent.name}.service" for path in FOLDER.glob("*/service.py")]
    assert len(modules) > 10
    assert {importlib.import_module(module).SERVICE for module in modules} <= set(SERVICES)


def test_a_resource_type_belongs_to_one_service() -> None:
    types = Counter(resource.TYPE for service in SERVICES for resource in service.resources)
    assert types.most_common(1)[0][1] == 1
    assert {name for name in types if not name.startswith("AWS::")} == {"Custom::"}


def test_names_are_unique() -> None:
    assert len({service.name for service in SERVICES}) == len(SERVICES)
    pollers = [poller.name for service in SERVICES for poller in service.pollers]
    assert sorted(pollers) == sorted(set(pollers))
