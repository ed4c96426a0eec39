"""The catalogue is complete, current, and its environments are refused; tests/localcloud sends its requests."""

import ast
import copy
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.config.loader import ConfigError, load_environment
from tests.refusals.catalogue import PAGE, ROOT, EnvironmentCheck, NamedTest, PageCheck, catalogue, page, refusals

MINIMAL = {"region": "us-east-1", "termination_protection": False, "data": {"removal": "destroy"}}
ENVIRONMENTS = [
    pytest.param(check, id=refusal.id)
    for refusal in refusals()
    for check in refusal.checks
    if isinstance(check, EnvironmentCheck)
]
TESTS = [(refusal.id, check.test) for refusal in refusals() for check in refusal.checks if isinstance(check, NamedTest)]


def test_there_are_at_least_80_entries_with_unique_ids() -> None:
    ids = Counter(refusal.id for refusal in refusals())
    assert len(ids) >= 80
    assert [id for id, count in ids.items() if count > 1] == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(catalogue()), "run make refusals"


@pytest.mark.parametrize("check", ENVIRONMENTS)
def test_environment_is_refused(check: EnvironmentCheck, tmp_path: Path) -> None:
    file = tmp_path / f"{check.name}.yaml"
    file.write_text(yaml.safe_dump(MINIMAL))
    load_environment(file)
    file.write_text(yaml.safe_dump(_merged(MINIMAL, check.environment)))
    with pytest.raises(ConfigError) as refused:
        load_environment(file)
    assert re.search(check.message, str(refused.value)), refused.value


def test_named_tests_exist() -> None:
    missing = [(id, test) for id, test in TESTS if test.split("[")[0].split("::")[-1] not in _functions(test)]
    assert missing == []


def test_pages_tell_their_readers() -> None:
    checks = [check for refusal in refusals() for check in refusal.checks if isinstance(check, PageCheck)]
    assert checks
    silent = [one for one in checks if not re.search(one.text, " ".join((ROOT / one.page).read_text().split()))]
    assert silent == []


def _functions(test: str) -> set[str]:
    path = ROOT / test.split("::")[0]
    if not path.is_file():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if nested else value
    return merged
