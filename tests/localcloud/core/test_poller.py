import logging
import threading
from datetime import UTC, datetime

import pytest

from localcloud.core.poller import Poller, polling

NOON = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


def test_a_round_after_each_pause_until_stopped() -> None:
    pauses: list[float] = []
    rounds: list[datetime] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    Poller("ticks", 2.0, rounds.append).run(wait, now=lambda: NOON)
    assert pauses == [2.0, 2.0, 2.0]
    assert rounds == [NOON, NOON]


def test_the_pause_can_be_computed_anew() -> None:
    rounds: list[datetime] = []
    lengths = iter([1.0, 2.0])
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 2

    Poller("ticks", lambda: next(lengths), rounds.append).run(wait)
    assert pauses == [1.0, 2.0]


def test_a_failed_round_is_logged_and_the_next_one_follows(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[datetime] = []

    def work(now: datetime) -> None:
        rounds.append(now)
        if len(rounds) == 1:
            raise RuntimeError("the first round")

    with caplog.at_level(logging.ERROR):
        Poller("ticks", 1.0, work).run(lambda _: len(rounds) == 2)
    assert len(rounds) == 2
    assert "A round of 'ticks' failed" in caplog.text
    assert "the first round" in caplog.text


def test_threads_are_joined_at_the_end_of_the_block() -> None:
    ran = threading.Event()
    with polling([Poller("test poller", 0.001, lambda _: ran.set()), Poller("slow test poller", 3600, print)]):
        assert ran.wait(5)
        assert {"test poller", "slow test poller"} <= {thread.name for thread in threading.enumerate()}
    assert not {"test poller", "slow test poller"} & {thread.name for thread in threading.enumerate()}
