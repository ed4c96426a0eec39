"""Accounts of the local cloud, with a fake AWS Organizations."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.control import LocalCloud
from localcloud.core import profiles
from topicsmith.local import local_accounts

NUMBER = "222222222222"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    profiles.write_operator(tmp_path, "key", "secret")
    before = dict(os.environ)
    yield LocalCloud("http://localhost:1", os.getpid(), tmp_path, "key", "secret")
    os.environ.clear()
    os.environ |= before


def _answer_with(monkeypatch: pytest.MonkeyPatch, create_account: Callable[[], None]) -> list[str]:
    """Fake AWS Organizations and return a list that collects the profiles used to call it."""
    asked = []

    class Session:
        def __init__(self, profile_name: str):
            asked.append(profile_name)

        def client(self, service: str) -> Any:
            assert service == "organizations"
            return self

        def create_account(self, *, AccountName: str, Email: str) -> None:  # noqa: N803
            assert (AccountName, Email) == (NUMBER, f"{NUMBER}@topicsmith.invalid")
            create_account()

    monkeypatch.setattr(boto3, "Session", Session)
    return asked


def test_accounts_are_always_created_by_the_main_account(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.add(cloud.state_dir, "333333333333", "arn:aws:iam::333333333333:role/Administrator")
    monkeypatch.setenv("AWS_PROFILE", "333333333333")
    asked = _answer_with(monkeypatch, lambda: None)
    assert local_accounts.create(cloud, NUMBER)
    assert asked == ["default"]


def test_an_existing_account_is_left_unchanged(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = ClientError({"Error": {"Code": "InvalidInputException", "Message": "x"}}, "CreateAccount")

    def refuse() -> None:
        raise refusal

    def be_late() -> None:
        profiles.add(cloud.state_dir, NUMBER, f"arn:aws:iam::{NUMBER}:role/Administrator")
        raise refusal

    _answer_with(monkeypatch, refuse)
    with pytest.raises(ClientError):
        local_accounts.create(cloud, NUMBER)
    asked = _answer_with(monkeypatch, be_late)
    assert not local_accounts.create(cloud, NUMBER)
    assert not local_accounts.create(cloud, NUMBER)
    assert len(asked) == 1


def test_profiles_are_private_and_deleted_with_the_cloud(tmp_path: Path) -> None:
    profiles.write_operator(tmp_path, "key", "se%cret")
    profiles.add(tmp_path, NUMBER, f"arn:aws:iam::{NUMBER}:role/Administrator")
    assert profiles.accounts(tmp_path) == ["123456789012", NUMBER]
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / profiles.FOLDER).iterdir()] == [0o600, 0o600]
    profiles.write_operator(tmp_path, "key", "secret")
    assert profiles.accounts(tmp_path) == ["123456789012"]
    assert profiles.accounts(tmp_path / "nothing") == []
