"""Checks of the alarms that roll back updates of the endpoint."""

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoRollbackConfig.html
_MOST_ROLLBACK_ALARMS = 10
_KINDS = ("error_5xx_percent", "model_latency_p99_ms")


def monitoring_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts of the alarms that roll back updates, up to two for each variant."""
    serving, alarms = config.serving, config.alarms
    if not (alarms.enabled and serving.update.rollback and serving.mode == "instances"):
        return
    watched = [name for name in _KINDS if getattr(alarms, name) is not None]
    count = len(watched) * (1 + len(serving.variants))
    if not watched and serving.update.policy != "all_at_once":
        reason = f"no alarm would roll back an update with policy {serving.update.policy}"
        yield conflict("alarms", dict.fromkeys(_KINDS), reason, f"one of {' and '.join(_KINDS)} that is not null")
    if count > _MOST_ROLLBACK_ALARMS:
        reason = f"{count} alarms would roll back updates, but SageMaker allows {_MOST_ROLLBACK_ALARMS}"
        allowed = "at most 4 further variants, or alarms.model_latency_p99_ms: null, or serving.update.rollback: false"
        yield conflict("serving.variants", [variant.name for variant in serving.variants], reason, allowed)
