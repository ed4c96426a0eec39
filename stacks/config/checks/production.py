"""Checks of production environments.

Each rule rejects a setting that suits experiments but risks data loss or an outage in production. For AWS's own rule on
single instances, see
https://docs.aws.amazon.com/config/latest/developerguide/sagemaker-endpoint-config-prod-instance-count.html.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge

from stacks.config.checks.serving import fleets
from stacks.config.sections.base import Conflicts, conflict, unset
from stacks.config.sections.environment import EnvironmentFields
from stacks.config.sections.evaluation import GateConfig

_NAME = "prod"
_LEAST_INSTANCES = 2
_LEAST_DAYS_OF_OLD_VERSIONS = 7
_LEAST_DAYS_OF_LOGS = 30

Found = Iterator[tuple[str, Any]]
"""Keys that break a rule, with their values."""


@dataclass(frozen=True)
class Rule:
    """Requirement of production.

    Attributes:
        key: Key in docs/environments.md.
        allowed: Allowed values.
        reason: Consequence of breaking the rule.
        broken: Function that returns the keys that break the rule, with their values.
    """

    key: str
    allowed: str
    reason: str
    broken: Callable[[EnvironmentFields], Found]


def production_unset(config: EnvironmentFields, name: str) -> Conflicts:
    """Return an error if the name suggests production but the file does not set ``production``."""
    if name.startswith(_NAME) and "production" not in config.model_fields_set:
        yield unset("production", f"the name {name} suggests a production environment", "true, false")


def production_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the settings that production does not allow."""
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


def _no_bake(config: EnvironmentFields) -> Found:
    update, alarms = config.serving.update, config.alarms
    if config.serving.mode == "serverless" or not update.rollback or update.policy != "all_at_once":
        return  # With other policies, the checks of the endpoint require pauses that are long enough.
    if update.termination_wait_seconds < alarms.seconds_to_alarm:
        yield "serving.update.termination_wait_seconds", update.termination_wait_seconds


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
    """Return whether every model meets a threshold, as it is the minimum of its metric."""
    return any(isinstance(limit, Ge) and value == limit.ge for limit in GateConfig.model_fields[name].metadata)


RULES = (
    Rule("data.removal", "retain", "the corpora and models would be deleted with the stack", _removal),
    Rule(
        "data.expire_old_versions_after_days",
        f"{_LEAST_DAYS_OF_OLD_VERSIONS} or more",
        "objects deleted by mistake would be lost before anybody notices",
        _old_versions,
    ),
    Rule("termination_protection", "true", "a single command would delete the stacks", _protection),
    Rule(
        "log_retention_days",
        f"{_LEAST_DAYS_OF_LOGS} or more",
        "logs would be lost before anybody investigates a fault",
        _logs,
    ),
    Rule(
        "serving.min_instances",
        f"{_LEAST_INSTANCES} or more, or serving.mode: serverless",
        "the failure of one instance or availability zone would be an outage",
        _single_instances,
    ),
    Rule(
        "serving.update.termination_wait_seconds",
        "at least the time in which an alarm goes off (alarms.period_seconds times alarms.datapoints_to_alarm), or "
        "serving.update.policy: canary or linear",
        "the old fleet would be gone before an alarm could roll back an update",
        _no_bake,
    ),
    Rule("gate", "a threshold that a model can miss", "every model would pass", _open_gate),
    Rule("alarms.enabled", "true", "failures would go unnoticed", _alarms),
    Rule("alarms.error_5xx_percent", "a percentage", "errors of the endpoint would go unnoticed", _failures),
    Rule(
        "notifications.emails",
        "one address or more",
        "nobody would receive alarms and failed runs",
        _addresses,
    ),
    Rule(
        "network.mode",
        "private, or existing, or network.allow_public: true if isolation is not required",
        "jobs, models and functions would run outside a VPC and use AWS's public endpoints",
        _network,
    ),
)
"""Requirements of production."""
