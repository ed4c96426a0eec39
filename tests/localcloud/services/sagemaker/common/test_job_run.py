import errno
import time

import pytest

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.images import ImageUnavailable
from localcloud.runtime.s3_data import DataError
from localcloud.services.sagemaker.common.job_run import Hosts, JobFailed, JobRun, failure_reason
from localcloud.services.sagemaker.transform.data import TransformDataError
from localcloud.services.sagemaker.transform.instance import WorkerFailed


class _Record:
    def __init__(self) -> None:
        self.ended = False
        self.stopping = 0

    def begin_stopping(self) -> None:
        self.stopping += 1


def test_job_is_stopped_only_once() -> None:
    record, woken = _Record(), list[bool]()
    run = JobRun(record, wake=lambda: woken.append(True))
    run.request_stop()
    run.request_stop()
    assert (record.stopping, woken) == (1, [True])


def test_finished_job_is_not_stopped() -> None:
    record = _Record()
    record.ended = True
    JobRun(record, wake=lambda: pytest.fail("nobody is to be woken")).request_stop()
    assert record.stopping == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (JobFailed("AlgorithmError: , exit code: 1"), "AlgorithmError: , exit code: 1"),
        (WorkerFailed("AlgorithmError: See job logs"), "AlgorithmError: See job logs"),
        (DataError("nothing there"), "ClientError: nothing there"),
        (TransformDataError("no JSON"), "ClientError: no JSON"),
        (ImageUnavailable("no image"), "ClientError: no image"),
        (OSError(errno.ENOSPC, "full"), "ClientError: No space left on device."),
        (KeyError("x"), "InternalServerError: KeyError: 'x'"),
    ],
)
def test_only_unexpected_errors_are_internal(error: Exception, reason: str) -> None:
    assert failure_reason(error, "job") == reason


def test_wait_ends_with_news_a_pause_or_the_deadline(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcloud.services.sagemaker.common.job_run.LogStream", lambda *_: None)
    session: RoleSession = None  # type: ignore[assignment]
    hosts = Hosts(session, log_group="/group", job_name="job", directory=tmp_path, count=2)  # type: ignore[arg-type]
    assert hosts.names == ["algo-1", "algo-2"]
    assert not hosts.at_work
    began = time.monotonic()
    hosts.wake()
    assert hosts.wait(began + 3600)
    assert hosts.wait(began + 3600, pause=0.01)
    assert hosts.wait(time.monotonic() + 0.01)
    assert not hosts.wait(time.monotonic())
