"""Environments for the tests: dev with a lower gate, and small ones for features that dev does not use."""

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
# Every model finds planted topics, LDA too, so the comparison with the baseline is disabled.
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
"""``environments/dev.yaml`` without an account, in a fixed region, with a gate that a toy corpus can pass."""

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
"""This project's NTM in its own VPC, with two trials and a run on every upload."""

BUILTIN: JsonObject = {
    **SMALL,
    "algorithm": "builtin",
    "tuning": {"max_jobs": 2, "epochs": 20, "ranges": _RANGES},
    "triggers": {},
    "network": {},
}
"""SageMaker's built-in NTM."""

STRICT: JsonObject = {
    **SMALL,
    "tuning": {"enabled": False},
    "gate": {"npmi": 0.99},
    "vectorize": {"enabled": False},
    "triggers": {},
    "network": {
        "mode": "existing",
        "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "security_groups": ["sg-0123456789abcdef0"],
    },
}
"""A gate that no model passes, without tuning and vectors, in existing subnets."""

OTHER_ACCOUNT = "222222222222"

LIVE: JsonObject = {
    **STRICT,
    "account": OTHER_ACCOUNT,
    "gate": _GATE,
    "promotion": {"from": "small"},
}
"""Target in another account that copies the small environment's models."""

PINNED: JsonObject = {**LIVE, "promotion": {"from": "small", "method": "pin"}}
"""Target in another account that serves the small environment's models in place."""


def bootstrap(cloud: LocalCloud, directory: Path, account: str | None = None) -> None:
    """Run ``cdk bootstrap`` for an account; its output is written to ``directory``."""
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
        cloud: Local cloud to deploy to.
        directory: Directory for the assembly and the CLI's output.
        environments: Contents of the environments' files, by name.
        first: Bootstraps the cloud while the app is synthesized.
        neighbours: Contents of further files in the same folder, by name; they are not deployed.
        account: Account to deploy to, the main account by default.
    """
    with ThreadPoolExecutor() as pool:
        bootstrapped = pool.submit(first)
        synthesize_in_process(directory / "cdk.out", environments, neighbours)
        bootstrapped.result()
    with cdk.commands("*", directory, account) as cli:
        cli.deploy(cloud).finish()
