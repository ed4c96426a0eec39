"""What an environment on which users depend must not say.

Each rule is about something that is right where models are tried out, and that nobody notices before the day on which
it costs data or an outage. AWS's own rule about a single instance is
https://docs.aws.amazon.com/config/latest/developerguide/sagemaker-endpoint-config-prod-instance-count.html.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge

from stacks.config.checks.serving import fleets
from stacks.config.sections.base import Conflicts, conflict, unsaid
from stacks.config.sections.environment import EnvironmentFields
from stacks.config.sections.evaluation import GateConfig

_NAME = "prod"
_LEAST_INSTANCES = 2
_LEAST_DAYS_OF_OLD_VERSIONS = 7
_LEAST_DAYS_OF_LOGS = 30

Found = Iterator[tuple[str, Any]]
"""Keys that break a rule, with what they say."""


@dataclass(frozen=True)
class Rule:
    """Something that production asks for.

    Attributes:
        key: what it is about, as docs/environments.md names it.
        allowed: what it asks for.
        reason: why, as the end of a sentence about what would be.
        broken: finds what breaks it.
    """

    key: str
    allowed: str
    reason: str
    broken: Callable[[EnvironmentFields], Found]


def production_unsaid(config: EnvironmentFields, name: str) -> Conflicts:
    """Return that a file leaves open what its name suggests."""
    if name.startswith(_NAME) and "production" not in config.model_fields_set:
        yield unsaid("production", f"by the name {name}, users depend on it", "true, false")


def production_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return what is fit only for trials."""
    for rule in RULES:
        for key, value in rule.broken(config):
            reason = f"in production, {rule.reason}"
            yield conflict(key, value, reason, f"{rule.allowed}, or production: false")


def _removal(config: EnvironmentFields) -> Found:
    if config.data.removal == "destroy":
        yield "data.removal", config.data.removal


def _old_versions(config: EnvironmentFields) -> Found:
    days = config.data.expire_old_versions_after_days
    if days < _LEAST_DAYS_OF_OLD_VERSIONS:
        yield "data.expire_old_versions_after_days", days


def _protection(config: EnvironmentFields) -> Found:
    if not config.termination_protection:
        yield "termination_protection", False


def _logs(config: EnvironmentFields) -> Found:
    if config.log_retention_days < _LEAST_DAYS_OF_LOGS:
        yield "log_retention_days", config.log_retention_days


def _single_instances(config: EnvironmentFields) -> Found:
    if config.serving.mode == "instances":
        yield from ((key, least) for key, least, _ in fleets(config) if least < _LEAST_INSTANCES)


def _alarms(config: EnvironmentFields) -> Found:
    if not config.alarms.enabled:
        yield "alarms.enabled", False


def _failures(config: EnvironmentFields) -> Found:
    if config.alarms.error_5xx_percent is None:
        yield "alarms.error_5xx_percent", None


def _addresses(config: EnvironmentFields) -> Found:
    if not config.notifications.emails:
        yield "notifications.emails", []


def _network(config: EnvironmentFields) -> Found:
    if config.network.mode == "public" and not config.network.allow_public:
        yield "network.mode", config.network.mode


def _open_gate(config: EnvironmentFields) -> Found:
    thresholds = config.gate.thresholds()
    if all(_is_no_threshold(name, value) for name, value in thresholds.items()):
        yield "gate", thresholds


def _is_no_threshold(name: str, value: float) -> bool:
    """Whether the least that there can be of a metric is asked for."""
    return any(isinstance(limit, Ge) and value == limit.ge for limit in GateConfig.model_fields[name].metadata)


RULES = (
    Rule("data.removal", "retain", "the corpora and models would be deleted with the stack", _removal),
    Rule(
        "data.expire_old_versions_after_days",
        f"{_LEAST_DAYS_OF_OLD_VERSIONS} or more",
        "what somebody deletes by mistake would be gone before it is missed",
        _old_versions,
    ),
    Rule("termination_protection", "true", "a single command would delete the stacks", _protection),
    Rule(
        "log_retention_days",
        f"{_LEAST_DAYS_OF_LOGS} or more",
        "the log of a fault would be gone before somebody looks for its reason",
        _logs,
    ),
    Rule(
        "serving.min_instances",
        f"{_LEAST_INSTANCES} or more, or serving.mode: serverless",
        "one instance, or its availability zone, that fails would be an outage",
        _single_instances,
    ),
    Rule("gate", "a threshold that a model can miss", "every model would pass", _open_gate),
    Rule("alarms.enabled", "true", "nobody would learn that anything fails", _alarms),
    Rule("alarms.error_5xx_percent", "a share", "nobody would learn that the endpoint fails", _failures),
    Rule(
        "notifications.emails",
        "one address or more",
        "nobody would be told of alarms and of runs that fail",
        _addresses,
    ),
    Rule(
        "network.mode",
        "private, or existing, or network.allow_public: true where nobody requires isolation",
        "jobs, models and functions would be outside of any VPC, and reach data by AWS's public addresses",
        _network,
    ),
)
"""What production asks for."""
