"""Blue/green deployment: traffic shifted in steps, watched, and rolled back on failure.

See https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.errors import LocalCloudError
from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import real_seconds
from localcloud.services.sagemaker.hosting.update_policies import UpdatePolicy

_LOOK_SECONDS = 5.0
_SHORTEST_LOOK_SECONDS = 0.05

OnStage = Callable[[str, float], None]
"""Called with the stage, ``ActivatingTraffic`` or ``Baking``, and the new fleet's share of the traffic."""


class RolledBack(LocalCloudError):
    """The update must be rolled back; the message is the endpoint's failure reason."""


@dataclass
class AlarmWatch:
    """Alarms that roll a deployment back, read under the endpoint's role.

    Args:
        session: Session of the role, which needs ``cloudwatch:DescribeAlarms``.
        names: Names of the alarms.
    """

    session: RoleSession
    names: Sequence[str]
    _client: Any = field(default=None, init=False)

    def tripped(self) -> list[str]:
        """Return the names of the alarms in state ``ALARM``.

        Raises:
            RolledBack: An alarm does not exist or must not be read.
        """
        if not self.names:
            return []
        try:
            self._client = self._client or self.session.client("cloudwatch")
            found = self._client.describe_alarms(
                AlarmNames=list(self.names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        except (ClientError, BotoCoreError) as error:
            raise RolledBack(
                f"Could not read the alarms {', '.join(self.names)} of AutoRollbackConfiguration. Ensure that the role "
                f"{self.session.role_arn} is allowed cloudwatch:DescribeAlarms on them. {error}"
            ) from error
        states = {
            alarm["AlarmName"]: alarm["StateValue"] for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"])
        }
        missing = [name for name in self.names if name not in states]
        if missing:
            raise RolledBack(f"AutoRollbackConfiguration names alarms that do not exist: {', '.join(missing)}.")
        return [name for name in self.names if states[name] == "ALARM"]


class Rollout:
    """Steps of an update, once the new fleet is running.

    Args:
        policy: The update policy.
        shares: The new fleet's share of the traffic after each step.
        watch: The alarms.
        failing: Returns the reason if the new fleet has stopped serving.
        on_stage: Called for each stage; shifts the traffic.
        began: Start of the update, by ``clock``.
        clock: Returns the time in seconds.
        pause: Sleeps for some seconds.
    """

    def __init__(
        self,
        policy: UpdatePolicy,
        shares: Sequence[float],
        *,
        watch: AlarmWatch,
        failing: Callable[[], str | None],
        on_stage: OnStage,
        began: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._policy = policy
        self._shares = shares
        self._watch = watch
        self._failing = failing
        self._on_stage = on_stage
        self._began = began
        self._clock = clock
        self._pause = pause

    def run(self) -> None:
        """Shift all traffic, baking after each step; then wait before the old fleet is terminated.

        Raises:
            RolledBack: An alarm fired, the new fleet failed, or the update took too long.
        """
        for share in self._shares:
            self._on_stage("ActivatingTraffic", share)
            self._on_stage("Baking", share)
            self._bake(real_seconds(self._policy.wait_seconds))
        self._wait(real_seconds(self._policy.termination_wait_seconds), self._check_fleet)

    def _bake(self, seconds: float) -> None:
        self._wait(seconds, self._check)
        self._check()

    def _wait(self, seconds: float, check: Callable[[], None]) -> None:
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            check()
            self._pause(min(left, max(real_seconds(_LOOK_SECONDS), _SHORTEST_LOOK_SECONDS)))

    def _check(self) -> None:
        self._check_fleet()
        tripped = self._watch.tripped()
        if tripped:
            raise RolledBack(
                f"The update was rolled back: alarm(s) {', '.join(tripped)} of AutoRollbackConfiguration went into "
                "state ALARM."
            )

    def _check_fleet(self) -> None:
        reason = self._failing()
        if reason:
            raise RolledBack(f"The update was rolled back: the new fleet does not serve. {reason}")
        maximum = self._policy.maximum_seconds  # In real time: programs do not start faster with shorter minutes.
        if maximum is not None and self._clock() - self._began > maximum:
            raise RolledBack(f"The update was rolled back: it took longer than {maximum} seconds.")
