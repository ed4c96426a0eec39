import errno
import io
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import (
    DataError,
    S3Uri,
    channel_objects,
    download_channel,
    unpack_archive,
    upload_archive,
)
from tests.localcloud.support import BUCKET, REGION, SmallCloud


@pytest.fixture
def session(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> RoleSession:
    monkeypatch.setenv("LOCALCLOUD_PORT", cloud.environ["LOCALCLOUD_PORT"])
    return RoleSession(cloud.role_arn, "testing", "testing", "testing", REGION)


def _download(session: RoleSession, target: Path, uri: str, **source: str) -> list[str]:
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": uri, **source}}}
    download_channel(session, channel_objects(session, channel, 0, 1), target)
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("", ["part-0", "part-1", "sub/part-2"]),
        ("/", ["part-0", "part-1", "sub/part-2"]),
        ("/part", ["part-0", "part-1"]),
        ("/part-1", ["part-1"]),
        ("/sub", ["part-2"]),
    ],
)
def test_objects_are_named_from_the_prefix_on(
    cloud: SmallCloud, session: RoleSession, tmp_path: Path, prefix: str, names: list[str]
) -> None:
    for name in ("part-0", "part-1", "sub/part-2", "empty-folder/"):
        cloud.put(f"prefixed/{name}", name)
    assert _download(session, tmp_path, f"s3://{BUCKET}/prefixed{prefix}") == names


def test_manifest_lists_the_objects(cloud: SmallCloud, session: RoleSession, tmp_path: Path) -> None:
    cloud.put("listed/a/x", "x")
    cloud.put("listed/b", "b")
    cloud.put("listed/unlisted", "c")
    manifest = cloud.put("listed/manifest", f'[{{"prefix": "s3://{BUCKET}/listed/"}}, "a/x", "b"]')
    assert _download(session, tmp_path, manifest, S3DataType="ManifestFile") == ["a/x", "b"]


def test_key_outside_the_channel_is_refused(cloud: SmallCloud, session: RoleSession, tmp_path: Path) -> None:
    manifest = cloud.put("hostile/manifest", f'[{{"prefix": "s3://{BUCKET}/hostile/"}}, "../../etc/x"]')
    with pytest.raises(DataError, match="outside the channel's directory"):
        _download(session, tmp_path / "channel", manifest, S3DataType="ManifestFile")


def test_unsupported_sources_are_named(session: RoleSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'AugmentedManifestFile' is not supported"):
        _download(session, tmp_path, f"s3://{BUCKET}/x", S3DataType="AugmentedManifestFile")
    with pytest.raises(DataError, match="other sources are not supported"):
        channel_objects(session, {"ChannelName": "train", "DataSource": {}}, 0, 1)
    with pytest.raises(DataError, match="Invalid S3 URI 'http://x/y'"):
        _download(session, tmp_path, "http://x/y")


def test_archive_holds_the_directories_contents(cloud: SmallCloud, session: RoleSession, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    assert not upload_archive(session, [tmp_path / "model" / "code"], S3Uri(BUCKET, "archived/none.tar.gz"), None)
    (model / "weights").write_bytes(b"\x00\x01")
    (model / "code" / "x.py").write_text("x")
    assert upload_archive(session, [model], S3Uri(BUCKET, "archived/model.tar.gz"), "my-key")
    stored = cloud.client("s3").get_object(Bucket=BUCKET, Key="archived/model.tar.gz")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", "my-key")
    archive = tmp_path / "again.tar.gz"
    archive.write_bytes(stored["Body"].read())
    unpack_archive(archive, tmp_path / "again")
    assert (tmp_path / "again" / "weights").read_bytes() == b"\x00\x01"
    assert (tmp_path / "again" / "code" / "x.py").read_text() == "x"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["../outside", "/absolute", "link"])
def test_hostile_archive_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member, io.BytesIO(b""))
    target = tmp_path / "deep" / "target"
    if name == "/absolute":  # Extracted inside the directory, as tar does.
        unpack_archive(archive, target)
        assert (target / "absolute").exists()
    else:
        with pytest.raises(DataError, match="cannot be unpacked"):
            unpack_archive(archive, target)
        assert not (tmp_path / "deep" / "outside").exists()


def test_invalid_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"\x1f\x8b not a gzip")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack_archive(archive, tmp_path / "target")


KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="/-_."), min_size=1)


@given(KEYS)
def test_uris_survive_a_round_trip(key: str) -> None:
    uri = S3Uri("bucket", key)
    assert S3Uri.parse(str(uri)) == uri


def test_full_disk_is_reported(
    cloud: SmallCloud, session: RoleSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put("large/a", "a")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("x")

    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", write)
    full = r"No space left on device. Increase VolumeSizeInGB\."
    with pytest.raises(DataError, match=rf"Data download failed: s3://{BUCKET}/large/a: {full}"):
        _download(session, tmp_path / "channel", f"s3://{BUCKET}/large")
    monkeypatch.setattr(tarfile.TarFile, "add", write)
    with pytest.raises(DataError, match=rf"Artifact upload failed: s3://{BUCKET}/x.tar.gz: {full}"):
        upload_archive(session, [tmp_path / "model"], S3Uri(BUCKET, "x.tar.gz"), None)
    assert not list(tmp_path.glob(".x*"))
