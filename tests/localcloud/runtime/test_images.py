import json
import sys
from pathlib import Path

import pytest

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.images import Image, ImageReference, ImageUnavailable, _stand_in, pull

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SESSION = RoleSession("arn:aws:iam::123456789012:role/worker", "key", "secret", "token", "eu-west-1")


@pytest.mark.parametrize(
    ("uri", "repository", "tag", "digest"),
    [
        (f"{HOST}/ntm:1", "ntm", "1", None),
        (f"{HOST}/cdk-hnb659fds-container-assets-1-eu:0a1b", "cdk-hnb659fds-container-assets-1-eu", "0a1b", None),
        (f"{HOST}/a/b", "a/b", "latest", None),
        (f"{HOST}/a@sha256:{'0' * 64}", "a", None, f"sha256:{'0' * 64}"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/ntm:1", "ntm", "1", None),
    ],
)
def test_uri_is_parsed(uri: str, repository: str, tag: str | None, digest: str | None) -> None:
    reference = ImageReference.parse(uri)
    assert reference.account == "123456789012"
    assert (reference.repository, reference.tag, reference.digest) == (repository, tag, digest)


@pytest.mark.parametrize("uri", ["ntm:1", "docker.io/library/python:3", f"{HOST}/", f"{HOST}/a:b:c", f"{HOST}/../x:1"])
def test_invalid_uris_are_refused_with_the_allowed_form(uri: str) -> None:
    with pytest.raises(ImageUnavailable, match="must name an image in Amazon ECR"):
        ImageReference.parse(uri)


@pytest.mark.parametrize(
    ("pattern", "replaced"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1", True),
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm", True),
        ("*/ntm", True),
        ("*/ntm:*", True),
        ("*/n*", True),
        ("ntm", False),
        ("*/ntm:2", False),
        ("*", False),
        (".*/ntm", False),
    ],
)
def test_a_directory_stands_in_for_the_images_of_a_pattern(
    pattern: str, replaced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_IMAGES", json.dumps({pattern: str(tmp_path)}))
    uri = "382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1"
    reference = ImageReference.parse(uri)
    assert _stand_in(uri, reference, SESSION.role_arn) == (tmp_path if replaced else None)
    assert _stand_in(uri, reference, "arn:aws:iam::382416733822:role/worker") is None
    if replaced:
        assert pull(uri, SESSION) == Image(uri, tmp_path, stand_in=True)


@pytest.mark.parametrize(
    ("content", "interpreter"),
    [
        (b"#!/usr/bin/env python3\n", [sys.executable]),
        (b"print(1)\n", [sys.executable]),
        (b"#!/bin/sh\nexec python -m train\n", []),
        (b"\x7fELF\x02", []),
    ],
)
def test_programs_run_with_their_own_interpreter(content: bytes, interpreter: list[str], tmp_path: Path) -> None:
    (tmp_path / "train").write_bytes(content)
    assert Image("uri", tmp_path).command("train") == [*interpreter, str(tmp_path / "train")]
