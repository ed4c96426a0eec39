import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.synth.assembly import (
    ENVIRONMENTS,
    ROOT,
    Assembly,
    JsonObject,
    copy_sources,
    synthesize,
    synthesize_in_process,
)
from tests.synth.cloudformation import Deployment
from tests.synth.variants import PROMOTED, VARIANTS

# With the usual umask of a hardened machine, nobody else may read what a process writes.
_PRIVATE = ("sh", "-c", 'umask 077 && exec "$@"', "sh")
_NO_NETWORK = ("unshare", "--map-root-user", "--net")


@pytest.fixture(scope="session")
def isolation() -> tuple[str, ...]:
    """A command that runs a process without network access; empty if this machine does not allow that."""
    usable = shutil.which("unshare") and subprocess.run([*_NO_NETWORK, "true"], capture_output=True).returncode == 0
    return _NO_NETWORK if usable else ()


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory, isolation: tuple[str, ...]) -> tuple[Assembly, Assembly]:
    """Assemblies of this checkout, and of a private copy with a new HOME, other settings and no network."""
    here = {"HOME": os.environ["HOME"], "AWS_REGION": "ap-southeast-2", "AWS_EC2_METADATA_DISABLED": "true"}
    # Hide the developer's credentials: with credentials, the CLI asks AWS for their account.
    here |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    new_home = tmp_path_factory.mktemp("new home")
    there = {"HOME": str(new_home), "TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    copy = tmp_path_factory.mktemp("a copy elsewhere")
    copy_sources(copy)
    for path in copy.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(synthesize, ROOT, tmp_path_factory.mktemp("assembly"), here)
        second = pool.submit(
            synthesize, copy, tmp_path_factory.mktemp("assembly"), there, wrapper=(*_PRIVATE, *isolation)
        )
        return first.result(), second.result()


@pytest.fixture(scope="session")
def assembly(assemblies: tuple[Assembly, Assembly]) -> Assembly:
    """The assembly of the working tree."""
    return assemblies[0]


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of environments that cover the options which the project's environments do not use."""
    directory = tmp_path_factory.mktemp("variants")
    pinned = "arn:aws-us-gov:sagemaker:us-gov-west-1:210987654321:model-package/topicsmith-pinned/7"
    synthesize_in_process(
        directory,
        {
            "pinned": {
                "account": "210987654321",
                "region": "us-gov-west-1",
                "serving": {"model_package": pinned, "instance_type": "ml.m5d.xlarge"},
            },
            **VARIANTS,
            **PROMOTED,
        },
    )
    return directory


@pytest.fixture(params=["dev", "prod"])
def environment(request: pytest.FixtureRequest) -> str:
    """Environments shipped with the project, with settings known to the tests; ``ENVIRONMENTS`` may contain more."""
    return str(request.param)


@pytest.fixture
def deployment(assembly: Assembly, environment: str) -> Deployment:
    """One of the shipped environments."""
    return Deployment(assembly, environment)


@pytest.fixture
def definition(deployment: Deployment) -> JsonObject:
    """The pipeline definition of one of the shipped environments."""
    return deployment.pipeline_definition()


@pytest.fixture(scope="session")
def definitions(assembly: Assembly, variants: Path) -> dict[str, JsonObject]:
    """The pipeline definitions of all environments by name."""
    ours = {name: Deployment(assembly, name) for name in ENVIRONMENTS}
    others = {name: Deployment(Assembly(variants), name) for name in VARIANTS}
    return {name: deployment.pipeline_definition() for name, deployment in {**ours, **others}.items()}


@pytest.fixture(params=[*ENVIRONMENTS, *VARIANTS])
def any_definition(request: pytest.FixtureRequest, definitions: dict[str, JsonObject]) -> JsonObject:
    """The pipeline definition of each environment."""
    return definitions[request.param]
