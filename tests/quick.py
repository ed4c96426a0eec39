"""Fast check: types of the changed files, and unit tests of the affected parts.

``python tests/quick.py [BASE]`` compares the working tree with a commit, by default the merge base with main.
``make test`` runs everything.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Parts with tests that need neither a server nor a deployment, and the tests to run for a change in each.
TESTS = {
    "stacks": ["tests/stacks"],
    "environments": ["tests/stacks"],
    "constructs": ["tests/constructs", "tests/stacks"],
    "lambdas": ["tests/lambdas"],
    "containers": [f"tests/containers/ntm/{name}" for name in ("artifacts", "data", "evaluation", "network", "topics")],
    "docs": ["tests/refusals", "tests/topicsmith/commands/test_docs.py"],
    "localcloud": ["tests/localcloud/core", "tests/localcloud/server", "tests/localcloud/test_independence.py"],
}
ALWAYS = ["tests/structure", "tests/contracts"]
# New examples are tried here, because `make test` gives everyone the same ones.
OPTIONS = ("--quiet", "--numprocesses=2", "--dist=loadgroup", "--hypothesis-profile=explore")
TYPED = ("app.py", "stacks/", "constructs/", "topicsmith/", "localcloud/localcloud/", "containers/ntm/ntm/")


def changed(base: str | None) -> list[str]:
    """Return the files that differ from a commit, new ones included."""
    start = base or next(iter(_git("merge-base", "HEAD", "main")), "HEAD")
    return sorted({*_git("diff", "--name-only", start), *_git("ls-files", "--others", "--exclude-standard")})


def commands(files: Iterable[str]) -> list[list[str]]:
    """Return the commands that check a change of these files."""
    present = [file for file in files if (ROOT / file).is_file()]
    typed = [file for file in present if file.endswith(".py") and file.startswith(TYPED)]
    tests = {path for file in present for path in TESTS.get(file.split("/")[0], _mirrored(file))}
    tests |= {file for file in present if file.startswith("tests/") and Path(file).name.startswith("test_")} - {
        file
        for file in present
        if file.startswith(("tests/end_to_end/", "tests/browser/", "tests/localcloud/services/"))
    }
    python = [sys.executable, "-m"]
    check = [[*python, "mypy", *typed]] if typed else []
    for function in sorted({file.split("/")[1] for file in present if file.startswith("lambdas/")}):
        check.append(["env", f"MYPYPATH=lambdas/{function}", *python, "mypy", f"lambdas/{function}"])
    test = [*python, "pytest", *OPTIONS, *ALWAYS, *sorted(tests)]
    return [*check, test]


def _mirrored(file: str) -> list[str]:
    """Return the folder of tests for a folder of the command line; running all of them takes over a minute."""
    part, folder, *_ = [*file.split("/"), ""]
    tests = f"tests/topicsmith/{folder}"
    return [tests] if part == "topicsmith" and (ROOT / tests).is_dir() else []


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def main() -> int:
    """Run the commands and return 1 if one fails."""
    base = sys.argv[1] if len(sys.argv) > 1 else None
    results = [subprocess.run(command, cwd=ROOT).returncode for command in commands(changed(base))]
    return int(any(results))


if __name__ == "__main__":
    sys.exit(main())
