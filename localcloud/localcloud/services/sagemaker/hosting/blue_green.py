"""A blue/green deployment under way: traffic shifted step by step, watched, and given back when something is wrong.

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
"""Is told of a stage, ``ActivatingTraffic`` or ``Baking``, and of the new fleet's share of the traffic."""


class RolledBack(LocalCloudError):
    """The traffic must go back to the old fleet; the message is the endpoint's failure reason."""


@dataclass
class AlarmWatch:
    """The alarms that roll a deployment back, read as the endpoint's role.

    Args:
        session: the role, which must be allowed ``cloudwatch:DescribeAlarms``.
        names: of the alarms.
    """

    session: RoleSession
    names: Sequence[str]
    _client: Any = field(default=None, init=False)

    def tripped(self) -> list[str]:
        """Return the names of those that are in ``ALARM``.

        Raises:
            RolledBack: one does not exist, or may not be read.
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
    """The steps of one update, once the new fleet is up.

    Args:
        policy: what the update's ``DeploymentConfig`` says.
        shares: the new fleet's share of the traffic after each step.
        watch: the alarms.
        failing: says why the new fleet does not serve any more.
        on_stage: shifts the traffic, and tells of the stage.
        began: when the update began, by ``clock``.
        clock: the time, in seconds.
        pause: waits for so many seconds.
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
        """Shift all traffic, a step and its bake at a time; then let the old fleet wait for its end.

        Raises:
            RolledBack: an alarm tripped, the new fleet failed, or it took too long.
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
        maximum = self._policy.maximum_seconds  # Of the clock on the wall: programs start no faster in short minutes.
        if maximum is not None and self._clock() - self._began > maximum:
            raise RolledBack(f"The update was rolled back: it took longer than {maximum} seconds.")
