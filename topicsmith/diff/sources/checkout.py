"""Offline synthesis of the working tree and a commit, in parallel."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from topicsmith.core.errors import OperatorError
from topicsmith.diff.rules import findings
from topicsmith.local import cdk
from topicsmith.local.cdk import Command

# Both sides are synthesized with the one installation, the working tree's.
_LIBRARIES = ("requirements.txt", "constraints.txt", "package-lock.json")
_EVERY_STAGE = "*"
_OUTPUT = "cdk.out"
_SHORT = 7


@contextmanager
def assemblies(root: Path, base: str | None, *, tree: bool) -> Iterator[tuple[Path | None, Path | None]]:
    """Yield the assemblies of a commit and of the working tree; they are deleted afterwards.

    Args:
        root: Root of the checkout.
        base: Hash of the commit, or None to leave it out.
        tree: Whether to synthesize the working tree.

    Raises:
        OperatorError: The commit does not exist, or a side fails to synthesize.
    """
    with TemporaryDirectory(prefix="topicsmith-diff-") as directory:
        older, newer = Path(directory, "old"), Path(directory, "new")
        source = _extract(root, base, Path(directory, "source")) if base else None
        with cdk.commands(_EVERY_STAGE, older) as first, cdk.commands(_EVERY_STAGE, newer) as second:
            old = first.synth(source) if source else None
            new = second.synth(root) if tree else None
            if old and base:
                _finish(old, older / _OUTPUT, f"Commit {base[:_SHORT]} does not synthesize")
            if new:
                _finish(new, newer / _OUTPUT, "The working tree does not synthesize")
        yield (older / _OUTPUT if old else None), (newer / _OUTPUT if new else None)


def changed_libraries(root: Path, commit: str) -> list[str]:
    """Return the lock files that differ from those of a commit."""
    return [
        name
        for name in _LIBRARIES
        if (root / name).is_file() and _git(root, "show", f"{commit}:{name}").stdout != (root / name).read_bytes()
    ]


def resolve(root: Path, base: str) -> str:
    """Return the hash of a commit.

    Raises:
        OperatorError: The commit does not exist, or git is not installed.
    """
    if _git(root, "rev-parse", "--git-dir").returncode:
        raise OperatorError(
            f"{root} is not in a git repository, so commit {base!r} is not available.",
            "Clone the project with git, or compare with the deployed stacks: --base deployed (make: BASE=deployed).",
        )
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if found.returncode:
        raise OperatorError(
            f"Commit {base!r} does not exist.",
            "The base must be a commit, branch or tag, `deployed`, or the directory of a cloud assembly. If the commit "
            "exists only in the remote repository, run: git fetch origin",
        )
    return found.stdout.decode().strip()


def subject(root: Path, commit: str) -> str:
    """Return a commit's abbreviated hash and the first line of its message."""
    return _git(root, "log", "-1", "--format=%h %s", commit).stdout.decode(errors="replace").strip()


def _extract(root: Path, commit: str, directory: Path) -> Path:
    archive = _git(root, "archive", "--format=tar", f"{commit}:./")
    if archive.returncode:
        raise OperatorError(f"git cannot read {commit}: {archive.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        # The archive is as trustworthy as the code in it, which is about to run.
        files.extractall(directory, filter="tar")
    return directory


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise OperatorError("git is not installed.", "Install git, or compare with BASE=deployed.") from None


def _finish(command: Command, assembly: Path, problem: str) -> None:
    try:
        command.finish()
    except OperatorError as error:
        if findings.has_findings(assembly):
            return
        # The log is deleted with the temporary directory; its end is in the error.
        raise OperatorError(f"{problem}; there is nothing to compare. Its last lines:", error.next_step) from None
