from pathlib import Path

import pytest

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import S3Uri
from localcloud.services.sagemaker.training import checkpoints
from localcloud.services.sagemaker.training.checkpoints import CheckpointPathError, CheckpointSync, checkpoint_directory
from tests.localcloud.support import BUCKET, REGION, SmallCloud, wait_for


@pytest.fixture
def session(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> RoleSession:
    monkeypatch.setenv("LOCALCLOUD_PORT", cloud.environ["LOCALCLOUD_PORT"])
    monkeypatch.setattr(checkpoints, "_SYNC_SECONDS", 0.1)
    return RoleSession(cloud.role_arn, "testing", "testing", "testing", REGION)


def _stored(cloud: SmallCloud, prefix: str) -> dict[str, bytes]:
    s3 = cloud.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found
    }


def _keys(cloud: SmallCloud, prefix: str) -> list[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def test_directory_is_synced_while_the_job_runs_and_at_its_end(
    cloud: SmallCloud, session: RoleSession, tmp_path: Path
) -> None:
    cloud.put("kept/old/a", "a")
    cloud.put("kept-too/b", "not ours")
    sync = CheckpointSync(session, S3Uri(BUCKET, "kept"), tmp_path / "checkpoints")
    sync.restore()
    assert (tmp_path / "checkpoints" / "old" / "a").read_text() == "a"
    assert not (tmp_path / "checkpoints" / "b").exists()
    cloud.put("kept/old/a", "changed in S3")
    (tmp_path / "checkpoints" / "new").write_text("1")
    wait_for(lambda: _stored(cloud, "kept/").get("new") == b"1")
    (tmp_path / "checkpoints" / "new").write_text("2")
    wait_for(lambda: _stored(cloud, "kept/").get("new") == b"2")
    (tmp_path / "checkpoints" / "new").write_text("last")
    sync.close()
    # Files that did not change on the host were not uploaded again.
    assert _stored(cloud, "kept/") == {"old/a": b"changed in S3", "new": b"last"}
    assert sync.failure is None


def test_file_is_not_uploaded_while_it_is_written(
    cloud: SmallCloud, session: RoleSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_SYNC_SECONDS", 3600)
    sync = CheckpointSync(session, S3Uri(BUCKET, "growing"), tmp_path)
    sync.restore()
    with (tmp_path / "state").open("w") as file:
        for _ in range(3):
            file.write("more ")
            file.flush()
            sync.look()
            assert _stored(cloud, "growing/") == {}
        sync.look()
        assert _stored(cloud, "growing/") == {"state": b"more " * 3}
        file.write("and more")
    sync.close()
    assert _stored(cloud, "growing/") == {"state": b"more " * 3 + b"and more"}


def test_what_is_deleted_on_the_host_is_deleted_in_s3(cloud: SmallCloud, session: RoleSession, tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        cloud.put(f"pruned/{name}", name)
    sync = CheckpointSync(session, S3Uri(BUCKET, "pruned"), tmp_path)
    sync.restore()
    cloud.put("pruned/of-another-host", "x")
    (tmp_path / "first").unlink()
    wait_for(lambda: "first" not in _keys(cloud, "pruned/"))
    (tmp_path / "second").unlink()
    sync.close()
    assert _keys(cloud, "pruned/") == ["of-another-host", "third"]
    assert sync.failure is None


def test_failed_upload_is_reported(session: RoleSession, tmp_path: Path) -> None:
    sync = CheckpointSync(session, S3Uri(BUCKET, "lost"), tmp_path)
    sync.restore()
    sync._uri = S3Uri("no-such-bucket", "lost")
    (tmp_path / "state").write_text("x")
    sync.close()
    assert "no-such-bucket" in str(sync.failure)


def test_failed_deletion_is_reported(cloud: SmallCloud, session: RoleSession, tmp_path: Path) -> None:
    cloud.put("kept-in-s3/state", "x")
    sync = CheckpointSync(session, S3Uri(BUCKET, "kept-in-s3"), tmp_path)
    sync.restore()
    sync._uri = S3Uri("no-such-bucket", "kept-in-s3")
    (tmp_path / "state").unlink()
    sync.close()
    assert "Deletion failed: s3://no-such-bucket/kept-in-s3/state" in str(sync.failure)


@pytest.mark.parametrize(
    ("config", "path"),
    [({}, "checkpoints"), ({"LocalPath": "/opt/ml/state/"}, "state"), ({"LocalPath": "/opt/ml/a/b"}, "a/b")],
)
def test_local_path_lies_below_opt_ml(config: dict[str, str], path: str) -> None:
    assert str(checkpoint_directory(config)) == path


@pytest.mark.parametrize("path", ["/tmp/x", "/opt/ml", "/opt/ml/../x", "checkpoints"])
def test_other_local_paths_are_refused(path: str) -> None:
    with pytest.raises(CheckpointPathError, match="only has directories below /opt/ml"):
        checkpoint_directory({"LocalPath": path})
