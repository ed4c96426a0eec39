"""delivery.yaml: accepted values and consistency with the environments."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from constructs.delivery.github_oidc import GitHubBranch
from stacks.config.delivery import CodePipelineConfig, DeliveryConfig, GitHubConfig
from stacks.config.delivery_loader import load_delivery
from stacks.config.environment import EnvironmentConfig
from stacks.config.loader import ConfigError
from stacks.delivery import outputs

ROOT = Path(__file__).parents[3]
CONNECTION = "arn:aws:codeconnections:eu-west-1:999999999999:connection/01234567-89ab-cdef-0123-456789abcdef"
GITHUB = {"repository": "acme/topics", "environments": ["dev", "prod"], "github": {}}


def environment(account: str | None) -> EnvironmentConfig:
    return EnvironmentConfig.model_validate({"region": "us-east-1", "account": account})


ENVIRONMENTS = {"dev": environment("111111111111"), "prod": environment("222222222222"), "local": environment(None)}


def errors(folder: Path, text: str) -> list[str]:
    file = folder / "delivery.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_delivery(file, ENVIRONMENTS)
    return str(error.value).splitlines()


def test_without_the_file_there_is_no_delivery(tmp_path: Path) -> None:
    assert load_delivery(tmp_path / "delivery.yaml", ENVIRONMENTS) is None


def test_the_example_can_be_used() -> None:
    example = load_delivery(ROOT / "delivery.example.yaml", ENVIRONMENTS)
    assert example
    assert (example.environments, example.branch) == (("dev", "prod"), "main")


def test_the_commented_half_of_the_example_can_be_used_too(tmp_path: Path) -> None:
    text = (ROOT / "delivery.example.yaml").read_text()
    head, _, tail = text.partition("# Choose one of two.")
    file = tmp_path / "delivery.yaml"
    file.write_text(head + re.sub(r"(?m)^# (?=codepipeline|  )", "", tail[tail.index("# Or AWS CodePipeline") :]))
    delivery = load_delivery(file, ENVIRONMENTS)
    assert delivery
    assert delivery.codepipeline
    assert delivery.codepipeline.account == "123456789012"


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "delivery.md").read_text()
    keys = {*DeliveryConfig.model_fields} - {"github", "codepipeline"}
    keys |= {f"github.{key}" for key in GitHubConfig.model_fields}
    keys |= {f"codepipeline.{key}" for key in CodePipelineConfig.model_fields}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_all_errors_are_reported_with_line_key_value_and_allowed_values(tmp_path: Path) -> None:
    assert errors(
        tmp_path,
        """\
repository: topics
brunch: main
environments: [dev, dev]
github:
  owner_id: twelve
  provider: none
codepipeline: {connection: arn:aws:iam::999999999999:role/pipeline}
""",
    ) == [
        "delivery.yaml is invalid:",
        "  line 1, repository: 'topics': String should match pattern '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$'",
        "  line 2, brunch: unknown key (did you mean branch?); allowed: branch, codepipeline, environments, github, "
        "repository",
        "  line 3, environments: ['dev', 'dev']: duplicate environment; allowed: each environment once, in the "
        "order of delivery",
        "  line 5, github.owner_id: 'twelve': Input should be a valid integer",
        "  line 6, github.provider: 'none': Input should be 'create' or 'existing'",
        "  line 7, codepipeline.connection: 'arn:aws:iam::999999999999:role/pipeline': String should match pattern "
        "'^arn:[a-z-]+:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$'",
    ]


def test_missing_environments_and_environments_without_an_account(tmp_path: Path) -> None:
    text = "repository: acme/topics\nenvironments:\n  - dev\n  - pord\n  - local\ngithub: {}\n"
    assert errors(tmp_path, text)[1:] == [
        "  line 4, environments.1: 'pord': there is no environments/pord.yaml (did you mean prod?); allowed: dev, "
        "prod, local",
        "  line 5, environments.2: 'local': environments/local.yaml has no account, which automated delivery "
        "requires; allowed: an environment with an account: add one to environments/local.yaml",
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"github": None}, "either github or codepipeline"),
        ({"codepipeline": {"connection": CONNECTION}}, "either github or codepipeline"),
        ({"github": {"owner_id": 5}}, "owner_id and repository_id, or neither"),
        ({"environments": []}, "at least 1 item"),
        ({"repository": "acme/group/topics"}, "'acme/group/topics' is not a repository name on GitHub"),
        ({"repository": "acme/topics.git"}, "repository's name; allowed: acme/topics "),
        ({"branch": "refs/heads/main"}, "not a plain branch name; allowed: main"),
        *(({"branch": name}, "not a valid branch name") for name in ("a..b", "a//b", "a/", "a.", "a/.b", "a.lock/b")),
        (
            {"github": None, "codepipeline": {"connection": CONNECTION, "approvers": ["a@b.cd", "a@b.cd"]}},
            "duplicate a@b.cd",
        ),
    ],
)
def test_impossible_values(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DeliveryConfig.model_validate({**GITHUB, **values})


def test_the_pipelines_account_and_region_are_those_of_its_connection() -> None:
    delivery = DeliveryConfig.model_validate({**GITHUB, "github": None, "codepipeline": {"connection": CONNECTION}})
    assert delivery.codepipeline
    assert (delivery.codepipeline.account, delivery.codepipeline.region) == ("999999999999", "eu-west-1")


@given(
    repository=st.from_regex(r"\A[\w.*?:@ $-]{1,12}/[\w.*?:@ $-]{1,12}\Z"),
    branch=st.from_regex(r"\A[\w./*?:@ $-]{1,12}\Z"),
)
def test_a_repository_or_branch_cannot_widen_the_subject(repository: str, branch: str) -> None:
    """Neither may contain a separator of the subject claim or a wildcard."""
    try:
        config = DeliveryConfig.model_validate({**GITHUB, "repository": repository, "branch": branch})
    except ValidationError:
        return
    subject = GitHubBranch(repository=config.repository, branch=config.branch).subject
    assert subject.count(":") == 1
    assert not set("*?@$ ") & set(subject + config.branch)


def test_ids_are_part_of_the_subject() -> None:
    """See https://docs.github.com/en/actions/reference/security/oidc for the forms."""
    branch = GitHubBranch(repository="octocat/my-repo", branch="main", ids=(123456, 456789))
    assert branch.subject == "repo:octocat@123456/my-repo@456789"
    assert GitHubBranch(repository="octocat/my-repo", branch="main").subject == "repo:octocat/my-repo"


def place(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    outputs.main(list(arguments), folder)
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "dev.yaml").write_text('region: eu-west-1\naccount: "111111111111"\n')
    return tmp_path


def test_a_workflow_gets_region_and_roles_of_an_environment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert place(folder, capsys) == ["delivers=false"]
    (folder / "delivery.yaml").write_text("repository: acme/topics\nenvironments: [dev]\ngithub: {}\n")
    assert place(folder, capsys) == ["delivers=true"]
    assert place(folder, capsys, "dev") == [
        "region=eu-west-1",
        "deploy_role=arn:aws:iam::111111111111:role/topicsmith-dev-deploy",
        "review_role=arn:aws:iam::111111111111:role/topicsmith-dev-review",
    ]


def test_workflows_deliver_nothing_if_codepipeline_delivers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"repository: acme/topics\nenvironments: [dev]\ncodepipeline: {{connection: {CONNECTION!r}}}\n"
    (folder / "delivery.yaml").write_text(text)
    assert place(folder, capsys) == ["delivers=false"]


def test_a_workflow_that_asks_for_another_environment_fails(folder: Path) -> None:
    with pytest.raises(SystemExit, match=r"delivery\.yaml has no environment 'prod'; its environments: none"):
        outputs.main(["prod"], folder)
