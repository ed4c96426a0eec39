import os
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.logs import LogStream, _batches_of, pump_lines
from tests.localcloud.support import REGION, SmallCloud, wait_for


def _pumped(*pieces: bytes) -> list[str]:
    read_end, write_end = os.pipe()
    lines: list[str] = []
    pump = threading.Thread(target=pump_lines, args=(os.fdopen(read_end, "rb"), lines.extend))
    pump.start()
    for piece in pieces:
        os.write(write_end, piece)
    os.close(write_end)
    pump.join()
    return lines


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_complete_lines_arrive_in_order(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    wanted = [line.decode("utf-8", "replace").rstrip("\r") for line in whole.split(b"\n")[:-1]]
    rest = whole.split(b"\n")[-1]
    assert _pumped(*pieces) == wanted + ([rest.decode("utf-8", "replace")] if rest else [])


def test_line_arrives_while_the_writer_is_still_running() -> None:
    read_end, write_end = os.pipe()
    lines: list[str] = []
    pump = threading.Thread(target=pump_lines, args=(os.fdopen(read_end, "rb"), lines.extend))
    pump.start()
    os.write(write_end, b"first\nhalf")
    wait_for(lambda: lines == ["first"])
    os.write(write_end, b" a line\n")
    wait_for(lambda: lines == ["first", "half a line"])
    os.close(write_end)
    pump.join()


def test_output_is_drained_when_its_consumer_fails() -> None:
    read_end, write_end = os.pipe()

    def broken(lines: list[str]) -> None:
        raise RuntimeError(lines)

    pump = threading.Thread(target=pump_lines, args=(os.fdopen(read_end, "rb"), broken))
    pump.start()
    for _ in range(50):
        os.write(write_end, b"x" * 60_000 + b"\n")
    os.close(write_end)
    pump.join()


def test_overlong_line_is_split() -> None:
    lines = _pumped(*[b"x" * 50_000] * 12)
    assert sum(map(len, lines)) == 600_000
    assert max(map(len, lines)) < 400_000


@given(st.lists(st.integers(0, 300_000), max_size=30))
def test_batches_keep_to_the_limits_of_put_log_events(sizes: list[int]) -> None:
    events: list[dict[str, Any]] = [{"timestamp": 0, "message": "x" * size} for size in sizes]
    batches = list(_batches_of(events))
    assert [event for batch in batches for event in batch] == events
    assert all(sum(len(event["message"]) + 26 for event in batch) <= 1_048_576 for batch in batches)
    assert max(map(len, _batches_of([{"message": "x"}] * 25_000))) == 10_000


def test_stream_is_made_with_its_first_line(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_PORT", cloud.environ["LOCALCLOUD_PORT"])
    stream = LogStream(RoleSession(cloud.role_arn, "testing", "testing", "testing", REGION), "a-group", "a/stream")
    stream.write([""])
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix="a-group")["logGroups"]
    assert groups == []
    stream.write(["one", "", " ", "two"])
    LogStream(RoleSession(cloud.role_arn, "testing", "testing", "testing", REGION), "a-group", "a/stream").write(["3"])
    assert cloud.log("a-group") == ["one", "two", "3"]
