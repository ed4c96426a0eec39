"""Periodic evaluation of CloudWatch alarms, and their actions."""

import logging
from datetime import datetime

from moto.cloudwatch.models import cloudwatch_backends

from localcloud.core.poller import Poller
from localcloud.core.service import Service
from localcloud.core.settings import minute_seconds
from localcloud.services.cloudwatch.alarm import LocalAlarm
from localcloud.services.cloudwatch.alarm_evaluation import evaluate_alarm
from localcloud.services.cloudwatch.alarm_state import State
from localcloud.services.cloudwatch.metric_math import MetricMathError
from localcloud.services.cloudwatch.models import LocalCloudWatch
from localcloud.wiring import alarm_actions

logger = logging.getLogger(__name__)

_LOOKS_A_MINUTE = 12


def look(now: datetime) -> None:
    """Evaluate the alarms of all accounts and regions, and run their actions."""
    for account in list(cloudwatch_backends.values()):
        for backend in list(account.values()):
            if isinstance(backend, LocalCloudWatch):
                for alarm in list(backend.alarms.values()):
                    _look_at(backend, alarm, now)


def _look_at(backend: LocalCloudWatch, alarm: LocalAlarm, now: datetime) -> None:
    try:
        _evaluate(backend, alarm, now)
    except MetricMathError as error:
        if alarm.state_reason != str(error):
            logger.warning("Alarm %s cannot be evaluated: %s", alarm.name, error)
            backend.change_state(alarm, State.INSUFFICIENT_DATA, str(error), {})
    except Exception:
        logger.exception("Alarm %s cannot be evaluated", alarm.name)


def _evaluate(backend: LocalCloudWatch, alarm: LocalAlarm, now: datetime) -> None:
    if alarm.is_composite:
        return
    found = evaluate_alarm(alarm, backend, now)
    if backend.alarms.get(alarm.name) is not alarm:
        return  # Deleted or replaced in the meantime.
    minute = now.timestamp() // minute_seconds()
    if found.state != alarm.state_value:
        alarm.last_minute = minute
        backend.change_state(alarm, found.state, found.reason, found.data(alarm, now))
    elif alarm.last_minute != minute:
        # Scaling actions repeat in each minute that the alarm remains in its state.
        alarm.last_minute = minute
        alarm_actions.repeat(alarm)


def install() -> None:
    """Run the alarms' actions when their state changes."""
    LocalCloudWatch.on_change = staticmethod(alarm_actions.act)


SERVICE = Service(
    name="alarms",
    patches=(install,),
    pollers=(Poller("alarms", lambda: minute_seconds() / _LOOKS_A_MINUTE, look),),
)
