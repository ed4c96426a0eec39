"""GitHub Actions workflows, parsed like GitHub parses them."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator

from stacks.config.delivery import DeliveryConfig
from stacks.config.loader import load_environment, load_file

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
Job = dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    # In YAML 1.1, `on` means true.
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True)
    return dict(workflow)


WORKFLOWS = {path.stem: read(path) for path in FILES}
JOBS = {(name, job): body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
DELIVERING = {name: job for (_, name), job in JOBS.items() if "environment" in job.get("with", {})}
STEPS = [(*key, step) for key, job in JOBS.items() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_follows_the_schema(path: Path) -> None:
    schema = get_builtin_schema("vendor.github-workflows")
    assert list(Draft7Validator(schema).iter_errors(WORKFLOWS[path.stem])) == []


def test_dependabot_follows_its_schema() -> None:
    schema = get_builtin_schema("vendor.dependabot")
    file = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    assert list(Draft7Validator(schema).iter_errors(file)) == []


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").iterdir()), ids=lambda path: path.name)
def test_issue_templates_follow_their_schema(path: Path) -> None:
    schema = get_builtin_schema(f"vendor.github-issue-{'config' if path.stem == 'config' else 'forms'}")
    assert list(Draft7Validator(schema).iter_errors(yaml.safe_load(path.read_text()))) == []


def test_every_action_is_named_by_its_commit_and_its_version() -> None:
    for path in FILES:
        for line in path.read_text().splitlines():
            if "uses:" in line and "uses: ./" not in line:
                assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_action_has_one_commit() -> None:
    named = {step["uses"] for *_, step in STEPS if "uses" in step}
    assert len({one.partition("@")[0] for one in named}) == len(named)


def test_no_key_is_stored_and_no_token_stays_in_a_checkout() -> None:
    for path in FILES:
        assert "secrets." not in path.read_text()
    for workflow, job, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, (workflow, job)


def test_each_job_declares_its_permissions() -> None:
    assert [workflow["permissions"] for workflow in WORKFLOWS.values()] == [{}, {}]
    assert {key: job["permissions"] for key, job in JOBS.items()} == {
        ("environment", "review"): {"contents": "read", "id-token": "write"},
        ("environment", "deploy"): {"actions": "read", "contents": "read", "id-token": "write"},
        ("environment", "check"): {"contents": "read", "id-token": "write"},
        ("topicsmith", "test"): {"contents": "read"},
        ("topicsmith", "diff"): {"contents": "read"},
        ("topicsmith", "comment"): {"pull-requests": "write"},
        ("topicsmith", "dangerous"): {"actions": "read"},
        ("topicsmith", "dev"): {"actions": "read", "contents": "read", "id-token": "write"},
        ("topicsmith", "prod"): {"actions": "read", "contents": "read", "id-token": "write"},
    }


def test_pull_request_jobs_can_neither_write_nor_assume_a_role() -> None:
    """Its jobs run untrusted code; `pull_request_target` would give that code more permissions."""
    assert set(WORKFLOWS["topicsmith"]["on"]) == {"pull_request", "push"}
    for (workflow, name), job in JOBS.items():
        checks_out = any(step.get("uses", "").startswith("actions/checkout@") for step in job.get("steps", []))
        if checks_out and workflow == "topicsmith":
            assert set(job["permissions"].values()) == {"read"}, name
    for name in ("dev", "prod"):
        assert name == "prod" or "github.event_name == 'push'" in JOBS["topicsmith", name]["if"]


def test_no_command_contains_an_expression() -> None:
    """GitHub would paste the value, which an outsider may control, into the script."""
    for workflow, job, step in STEPS:
        assert "${{" not in step.get("run", ""), (workflow, job)


def test_every_command_runs_in_bash() -> None:
    for workflow, job, step in STEPS:
        if "run" in step:
            result = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False)
            assert result.returncode == 0, (workflow, job, result.stderr)


def test_every_needed_job_exists() -> None:
    for (workflow, name), job in JOBS.items():
        needs = job.get("needs", [])
        for needed in [needs] if isinstance(needs, str) else needs:
            assert (workflow, needed) in JOBS, name
        for needed, output in re.findall(r"needs\.(\w+)\.outputs\.(\w+)", str(job)):
            assert output in JOBS[workflow, needed]["outputs"]


def test_every_referenced_output_comes_from_an_earlier_step() -> None:
    for (workflow, name), job in JOBS.items():
        before: set[str] = set()
        for step in job.get("steps", []):
            assert set(re.findall(r"steps\.(\w+)\.outputs", str(step))) <= before, (workflow, name)
            before.add(step.get("id", ""))


def test_main_is_deployed_to_the_environments_in_order() -> None:
    file = ROOT / "delivery.yaml"
    delivery = load_file(file if file.exists() else ROOT / "delivery.example.yaml", DeliveryConfig)
    if delivery.github is None:
        pytest.skip("delivery.yaml has AWS CodePipeline deliver")
    assert tuple(job["with"]["environment"] for job in DELIVERING.values()) == delivery.environments
    assert [job["needs"] for job in DELIVERING.values()] == ["test", *delivery.environments][:-1]
    assert WORKFLOWS["topicsmith"]["on"]["push"]["branches"] == [delivery.branch]


def test_conditions_only_refer_to_needed_jobs() -> None:
    """The result of a job outside ``needs`` is empty, so GitHub would silently skip the job."""
    for job in DELIVERING.values():
        assert set(re.findall(r"needs\.([\w-]+)", job.get("if", ""))) <= {job["needs"]}


def test_production_is_approved_after_its_diff_is_shown() -> None:
    for name, job in DELIVERING.items():
        production = load_environment(ROOT / "environments" / f"{name}.yaml").production
        assert job["with"].get("approval", False) is production
    deploy = JOBS["environment", "deploy"]
    assert deploy["needs"] == "review"
    assert deploy["environment"] == "${{ inputs.environment }}"
    assert "required_reviewers" in deploy["steps"][0]["run"]
    assert deploy["steps"][0]["if"] == "inputs.approval"


def commands(job: Job) -> Iterator[str]:
    return (step["run"] for step in job["steps"] if "run" in step)


def test_only_the_deploy_job_assumes_the_deploy_role() -> None:
    roles = {
        name: step["with"]["role-to-assume"]
        for workflow, name, step in STEPS
        if step.get("uses", "").startswith("aws-actions/")
    }
    assert roles == {
        "review": "${{ steps.place.outputs.review_role }}",
        "deploy": "${{ steps.place.outputs.deploy_role }}",
        "check": "${{ steps.place.outputs.review_role }}",
    }
    # A job in an environment has a different subject claim, which the deploy role requires.
    assert [name for (workflow, name), job in JOBS.items() if workflow == "environment" and "environment" in job] == [
        "deploy"
    ]
    assert 'make deploy ENV="$ENVIRONMENT"' in commands(JOBS["environment", "deploy"])


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a step like GitHub, with fake programs that record how they are called."""

    def run(workflow: str, job: str, name: str, environment: dict[str, str], **programs: str) -> Any:
        (step,) = (one for one in JOBS[workflow, job]["steps"] if name in (one.get("name"), one.get("id")))
        for program, body in programs.items():
            file = tmp_path / ("bin" if program == "gh" else ".venv/bin") / program
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'#!/bin/bash\necho "$@" >> {tmp_path}/calls\n{body}\n')
            file.chmod(0o755)
        values = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "GITHUB_STEP_SUMMARY": f"{tmp_path}/summary"}
        return subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=tmp_path,
            env={**values, "GITHUB_OUTPUT": f"{tmp_path}/output", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (1, 0), (2, 0), (3, 1)])
@pytest.mark.parametrize(
    ("job", "name", "base"),
    [
        (("topicsmith", "diff"), "compare", "HEAD^1 --env all"),
        (("environment", "review"), "Compare with what is deployed", "deployed --env prod"),
    ],
)
def test_a_diff_is_shown_and_fails_only_if_there_is_none(
    run: Run, tmp_path: Path, job: tuple[str, str], name: str, base: str, status: int, ends: int
) -> None:
    result = run(*job, name, {"ENVIRONMENT": "prod"}, topicsmith=f"echo '## Diff'; exit {status}")
    assert result.returncode == ends, result.stderr
    assert (tmp_path / "calls").read_text() == f"diff --base {base} --format markdown\n"
    assert (tmp_path / "summary").read_text() == "## Diff\n"
    if name == "compare":
        assert (tmp_path / "output").read_text() == f"status={status}\n"


@pytest.mark.parametrize(
    ("found", "method"), [("", "POST repos/acme/topics/issues/7"), ("5", "PATCH repos/acme/topics/issues")]
)
def test_a_pull_request_gets_a_single_comment(run: Run, tmp_path: Path, found: str, method: str) -> None:
    (tmp_path / "diff.md").write_text("## Diff\n")
    variables = {"COMMENTS": "repos/acme/topics/issues", "NUMBER": "7"}
    result = run(
        "topicsmith",
        "comment",
        "Write the comment, or write it anew",
        variables,
        gh=f"[ -n '{found}' ] && echo {found}; true",
    )
    assert result.returncode == 0, result.stderr
    written = (tmp_path / "calls").read_text().splitlines()[-1]
    assert written == f"api --silent --method {method}/comments{f'/{found}' if found else ''} --field body=@comment.md"
    assert (tmp_path / "comment.md").read_text() == "<!-- topicsmith diff -->\n## Diff\n"


@pytest.mark.parametrize(("rules", "ends"), [("required_reviewers", 0), ("wait_timer\nbranch_policy", 1), ("", 1)])
@pytest.mark.parametrize("job", [("topicsmith", "dangerous"), ("environment", "deploy")])
def test_an_approval_that_nobody_is_asked_for_is_none(run: Run, job: tuple[str, str], rules: str, ends: int) -> None:
    result = run(*job, "Require reviewers", {"ENVIRONMENT": "prod", "RULES": "rules"}, gh=f"printf '{rules}\n'")
    assert result.returncode == ends
    assert ("::error::" in result.stdout) is bool(ends)


def test_an_unknown_approval_counts_as_none(run: Run) -> None:
    environment = {"ENVIRONMENT": "prod", "RULES": "rules"}
    assert run("environment", "deploy", "Require reviewers", environment, gh="exit 1").returncode == 1
