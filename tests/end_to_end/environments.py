"""Environments that no file describes: dev with another gate, and small ones for what dev does not do."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import yaml

from localcloud.control import LocalCloud
from localcloud.core.settings import ACCOUNT_ID
from tests.synth.assembly import ROOT, JsonObject, synthesize_in_process
from topicsmith.local import cdk

_DISPOSABLE: JsonObject = {"removal": "destroy"}
# On a corpus whose topics are planted, every model finds them, and LDA as well as ours.
_GATE: JsonObject = {"topic_uniqueness": 0.3, "npmi_over_baseline": None}
_RANGES: JsonObject = {
    "learning_rate": {"min": 0.005, "max": 0.02, "scaling": "log"},
    **dict.fromkeys(
        ["encoder_layers_activation", "mini_batch_size", "optimizer", "rescale_gradient", "weight_decay"], None
    ),
}
_QUICK_EVALUATION: JsonObject = {"baseline_iterations": 30, "map_documents": 100}

DEV: JsonObject = {
    **yaml.safe_load((ROOT / "environments" / "dev.yaml").read_text()),
    "account": None,
    "region": "us-east-1",
    "gate": _GATE,
}
"""What ``environments/dev.yaml`` says, wherever it is, with a gate that a toy corpus can pass."""

SMALL: JsonObject = {
    "account": ACCOUNT_ID,
    "region": "us-east-1",
    "termination_protection": False,
    "data": _DISPOSABLE,
    "preprocessing": {"text_columns": ["title", "body"], "id_column": "key"},
    "tuning": {
        "strategy": "random",
        "objective": "validation:npmi_tu",
        "max_jobs": 2,
        "epochs": 3,
        "cache_days": 1,
        "ranges": _RANGES,
    },
    "training": {"num_topics": 4, "hyperparameters": {"epochs": 20, "mini_batch_size": 64, "optimizer": "adam"}},
    "evaluation": _QUICK_EVALUATION,
    "gate": _GATE,
    "triggers": {"on_upload": True},
    "notifications": {"emails": ["somebody@example.com"]},
    "network": {"mode": "private", "encrypt_inter_container_traffic": True},
}
"""Ours, in a VPC of its own, with little to tune, and a run for each upload."""

BUILTIN: JsonObject = {
    **SMALL,
    "algorithm": "builtin",
    "tuning": {"max_jobs": 2, "epochs": 20, "ranges": _RANGES},
    "triggers": {},
    "network": {},
}
"""AWS's NTM."""

STRICT: JsonObject = {
    **SMALL,
    "tuning": {"enabled": False},
    "gate": {"npmi": 0.99},
    "vectorize": {"enabled": False},
    "triggers": {},
    "network": {
        "mode": "existing",
        "subnets": ["subnet-0123456789abcdef0"],
        "security_groups": ["sg-0123456789abcdef0"],
    },
}
"""A gate that nothing passes, and neither tuning nor vectors, in subnets that are there."""

OTHER_ACCOUNT = "222222222222"

LIVE: JsonObject = {
    **STRICT,
    "account": OTHER_ACCOUNT,
    "gate": _GATE,
    "promotion": {"from": "small"},
}
"""What gets the small environment's models in another account, as copies."""

PINNED: JsonObject = {**LIVE, "promotion": {"from": "small", "method": "pin"}}
"""What serves them where they lie."""


def bootstrap(cloud: LocalCloud, directory: Path, account: str | None = None) -> None:
    """Make what the CDK CLI needs to deploy to an account; its output goes to a directory."""
    with cdk.commands("*", directory, account) as cli:
        cli.bootstrap(cloud).finish()


def deploy(
    cloud: LocalCloud,
    directory: Path,
    environments: Mapping[str, JsonObject],
    first: Callable[[], None] = lambda: None,
    *,
    neighbours: Mapping[str, JsonObject] = MappingProxyType({}),
    account: str | None = None,
) -> None:
    """Deploy environments with the CDK CLI.

    Args:
        cloud: where to.
        directory: for the assembly and the CLI's output.
        environments: what their files would say, by name.
        first: bootstraps the cloud; synthesis goes on meanwhile.
        neighbours: what those files would say that stand beside them.
        account: where to, if not to the main account.
    """
    with ThreadPoolExecutor() as pool:
        bootstrapped = pool.submit(first)
        synthesize_in_process(directory / "cdk.out", environments, neighbours)
        bootstrapped.result()
    with cdk.commands("*", directory, account) as cli:
        cli.deploy(cloud).finish()
