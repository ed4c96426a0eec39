"""The ``history`` command."""

import json
import re
from pathlib import Path

import boto3
import pytest

from tests.topicsmith.account import Account, Invoke
from tests.topicsmith.promotion.support import Promotions


@pytest.fixture
def promotions(account: Account, tmp_path: Path) -> Promotions:
    promotions = Promotions(account, tmp_path / "environments")
    promotions.deploy("dev", "prod")
    return promotions


def test_promotions_are_listed_newest_first_with_the_served_one(promotions: Promotions, invoke: Invoke) -> None:
    for number in (1, 2):
        promotions.train(f"run{number}")
        assert invoke(*promotions.arguments(number, "--yes")).exit_code == 0
    answer = json.loads(invoke("history", "--env", "prod", "--json").stdout)
    assert [(one["from"]["version"], one["run"], one["served"]) for one in answer] == [
        (2, "run2", True),
        (1, "run1", False),
    ]
    assert answer[0]["before"]["version"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer[0]["time"])
    rows = invoke("history", "--env", "prod", env={"COLUMNS": "300"}).stdout.splitlines()
    assert "InService" in rows[1]
    assert "InService" not in rows[2]
    assert rows[1].split()[2:4] == ["dev", "2"]
    assert "0.310" in rows[1]
    assert answer[0]["by"].partition("/")[2] in rows[1]
    assert len(json.loads(invoke("history", "--env", "prod", "--limit", "1", "--json").stdout)) == 1


def test_nothing_was_promoted_yet(promotions: Promotions, invoke: Invoke) -> None:
    result = invoke("history", "--env", "prod")
    assert result.exit_code == 0
    assert "Nothing has been promoted to prod yet." in result.stdout
    assert json.loads(invoke("history", "--env", "prod", "--json").stdout) == []


def test_a_served_model_that_was_not_promoted_is_reported(promotions: Promotions, invoke: Invoke) -> None:
    promotions.train()
    invoke(*promotions.arguments(1, "--yes"))
    promotions.serve(promotions.train("own", environment="prod"))
    result = invoke("history", "--env", "prod")
    assert "Endpoint topicsmith-prod serves version 2, which was not promoted to prod." in result.stdout


def test_an_invalid_record_is_named(promotions: Promotions, invoke: Invoke) -> None:
    boto3.client("s3").put_object(Bucket="topicsmith-prod-data", Key="promotions/x.json", Body=b"{}")
    result = invoke("history", "--env", "prod")
    assert result.exit_code == 1
    assert "s3://topicsmith-prod-data/promotions/x.json is not a valid promotion record: time: " in result.stderr
