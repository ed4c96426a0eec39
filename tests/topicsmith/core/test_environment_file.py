"""environments/<name>.yaml as read and edited by a promotion."""

import difflib
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks.config.environment import EnvironmentConfig
from topicsmith.core import environment_file
from topicsmith.core.environment_file import EnvironmentFile, Settings
from topicsmith.core.errors import OperatorError

ARN = "arn:aws:sagemaker:us-east-1:111111111111:model-package/topicsmith-dev/7"
OTHER = "arn:aws:sagemaker:us-east-1:111111111111:model-package/topicsmith-dev/6"


def file(text: str, path: Path = Path("environments/prod.yaml")) -> EnvironmentFile:
    return EnvironmentFile("prod", path, text, Settings(region="us-east-1"))


def changes(before: str, after: str) -> list[str]:
    """Return the changed lines, each prefixed with the sign of its side."""
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_the_defaults_are_those_of_the_environments() -> None:
    typed = EnvironmentConfig(region="us-east-1")
    read = Settings(region="us-east-1")
    assert read.account == typed.account
    assert read.promotion.source == typed.promotion.source
    assert read.promotion.method == typed.promotion.method
    assert read.serving.model_package == typed.serving.model_package


def test_settings_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "prod.yaml").write_text(
        'account: "222222222222"\nregion: eu-west-1\npromotion: {from: dev, method: pin}\ngate: {npmi: 0.1}\n'
        f"serving: {{model_package: {ARN!r}}}\n"
    )
    settings = environment_file.read(tmp_path, "prod").settings
    assert (settings.account, settings.region) == ("222222222222", "eu-west-1")
    assert (settings.promotion.source, settings.promotion.method) == ("dev", "pin")
    assert settings.serving.model_package == ARN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("serving:\n  model_package: OLD\n  mode: x\n", "serving:\n  model_package: NEW\n  mode: x\n"),
        ("serving:\n    model_package:   OLD   # why\n", "serving:\n    model_package:   NEW   # why\n"),
        ('serving:\n  "model_package": "OLD"\n', 'serving:\n  "model_package": "NEW"\n'),
        ("serving:\n  model_package:\n  mode: x\n", "serving:\n  model_package: NEW\n  mode: x\n"),
        ("serving:\n  model_package: null # none\n", "serving:\n  model_package: NEW # none\n"),
        ("serving:  # a\n\n  # b\n  mode: x\n", "serving:  # a\n  model_package: NEW\n\n  # b\n  mode: x\n"),
        ("serving:\n   mode: x\n", "serving:\n   model_package: NEW\n   mode: x\n"),
        ("serving:\ngate: {}\n", "serving:\n  model_package: NEW\ngate: {}\n"),
        ("serving: {mode: x}\n", 'serving: {model_package: "NEW", mode: x}\n'),
        ("serving: {}\n", 'serving: {model_package: "NEW", }\n'),
        ("gate: {}\n# the end\n", "gate: {}\n# the end\nserving:\n  model_package: NEW\n"),
        ("# nothing but this\n", "# nothing but this\nserving:\n  model_package: NEW\n"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_models_line_changes(before: str, after: str, newline: str) -> None:
    text, expected = (one.replace("OLD", OTHER).replace("NEW", ARN).replace("\n", newline) for one in (before, after))
    assert environment_file.pinned(file(text), ARN) == expected
    assert environment_file.pinned(file(expected), ARN) == expected


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_environments_of_this_project_can_be_edited(environment: str) -> None:
    text = (environment_file.folder() / f"{environment}.yaml").read_text()
    after = environment_file.pinned(file(text), ARN)
    assert changes(text, after) == [f"+  model_package: {ARN}"]


@pytest.mark.parametrize(
    "text",
    [
        "{region: us-east-1}\n",
        "serving: null\n",
        "serving: [a]\n",
        "serving:\n  model_package: |\n    " + OTHER + "\n",
        "pin: &pin " + OTHER + "\nserving:\n  model_package: *pin\n",
        "serving:\n  model_package: &pin " + OTHER + "\n  shadow: *pin\n",
        "serving:\n  mode: serverless\nserving:\n  mode: instances\n",
        "region: us-east-1\n...\n",
        "- a\n",
        "a: b: c\n",
    ],
)
def test_files_that_cannot_be_edited_in_one_line_are_left_alone(text: str) -> None:
    with pytest.raises(OperatorError, match="cannot be set by changing a single line") as caught:
        environment_file.pinned(file(text), ARN)
    assert f"serving:\n  model_package: {ARN}" in str(caught.value.next_step)


_KEYS = st.sampled_from(["region", "serving", "gate", "tags", "a b", "näme"])
_INNER = st.sampled_from(["mode", "model_package", "min_instances", "x"])
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab:#'\" é", max_size=6), st.just(OTHER))
_DOCUMENTS = st.dictionaries(_KEYS, st.one_of(_SCALARS, st.dictionaries(_INNER, _SCALARS, min_size=1)), max_size=5)


@given(_DOCUMENTS, st.sampled_from([None, False, True]), st.integers(2, 6), st.booleans(), st.data())
def test_any_edit_changes_only_the_model(
    document: dict[str, object], flow: bool | None, indent: int, newline_at_end: bool, data: st.DataObject
) -> None:
    dumped = yaml.safe_dump(document, default_flow_style=flow, indent=indent, allow_unicode=True, width=999)
    with_comments = [
        line for text in dumped.splitlines() for line in (["# a comment", text] if data.draw(st.booleans()) else [text])
    ]
    text = "\n".join(with_comments) + ("\n" if newline_at_end else "")
    try:
        after = environment_file.pinned(file(text), ARN)
    except OperatorError:
        return
    expected = yaml.safe_load(text) or {}
    expected["serving"] = {**(expected.get("serving") or {}), "model_package": ARN}
    assert yaml.safe_load(after) == expected
    signs = [line[0] for line in changes(text, after)]
    assert signs.count("-") <= 1
    assert signs.count("+") <= 2


def test_writing_keeps_mode_and_symlink_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("a: 1\n")
    real.chmod(0o640)
    link = tmp_path / "prod.yaml"
    link.symlink_to(real)
    environment_file.write(file("a: 1\n", link), "a: 2\r\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"a: 2\r\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prod.yaml", "real.yaml"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prod.yaml"
    path.write_text("a: 1\n")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OperatorError, match="cannot be written: No space left on device"):
        environment_file.write(file("a: 1\n", path), "a: 2\n")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["a: 1\n"]
