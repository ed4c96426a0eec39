"""A replacement for the ``docker`` executable with the few commands that the CDK CLI uses to publish an image.

The CDK CLI runs the executable named by ``CDK_DOCKER``. ``build`` keeps a copy of the build context; ``push`` records
the image in the local ECR and stores the copy for jobs and endpoints. Nothing is executed.
"""

import argparse
import hashlib
import json
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from botocore.exceptions import ClientError

from localcloud.core import ecr_tokens
from localcloud.core.errors import LocalCloudError
from localcloud.core.private_files import write_private
from localcloud.core.settings import state_dir
from localcloud.runtime.dockerfile import Dockerfile
from localcloud.runtime.images import ImageReference, ImageUnavailable, pushed_directory
from localcloud.runtime.missing_modules import block

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class DockerError(LocalCloudError):
    """A command failed or is not supported."""


def write_executable() -> Path:
    """Write a program to the state directory that runs this module, and return its path (for ``CDK_DOCKER``)."""
    path = state_dir() / "bin" / "docker"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f"export PYTHONPATH={shlex.quote(str(Path(__file__).parents[2]))}\n"
        f"export LOCALCLOUD_STATE={shlex.quote(str(state_dir()))}\n"
        f'exec {shlex.quote(sys.executable)} -P -m localcloud.runtime.docker_cli "$@"\n'
    )
    path.chmod(0o755)
    return path


def build(directory: Path, tag: str, dockerfile: str = "Dockerfile", target: str | None = None) -> Path:
    """Store a copy of a build context under a local tag and return its path.

    Images of different targets have different digests, as the target is stored with the copy. Their programs cannot
    import what only other targets install.

    Raises:
        DockerError: The context has no Dockerfile, or the Dockerfile no such target.
    """
    path = directory / dockerfile
    if not path.is_file():
        raise DockerError(f"failed to read dockerfile: {path}: no such file")
    if target is None:
        return _replace(_local(tag), directory)
    stages = Dockerfile(path, directory)
    if not stages.has_target(target):
        raise DockerError(f'failed to solve: target stage "{target}" could not be found')
    image = _replace(_local(tag), directory)
    block(image, target, stages.missing_modules(target))
    return image


def tag_image(source: str, target: str) -> None:
    """Give a local image another name.

    Raises:
        DockerError: There is no image ``source``.
    """
    _replace(_local(target), _existing(source))


def login(registry: str, password: str) -> None:
    """Store the password for later pushes to a registry; as with docker, the last login wins.

    Raises:
        DockerError: ECR did not issue the password.
    """
    try:
        ecr_tokens.decode(password)
    except ValueError:
        raise DockerError(f"login attempt to https://{registry}/v2/ failed with status: 400 Bad Request") from None
    path = _password_file(registry)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, password)


def push(uri: str) -> str:
    """Push a local image to the ECR repository in its name, and return its digest.

    Raises:
        DockerError: The local image does not exist, its name is not an ECR URI, there is no login for its registry,
            the login may not push to the repository, or the tag is immutable and taken.
    """
    source = _existing(uri)
    try:
        reference = ImageReference.parse(uri)
    except ImageUnavailable as error:
        raise DockerError(str(error)) from error
    tag = reference.tag or "latest"
    digest, size = _content(source)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": digest, "size": size},
        "layers": [{"mediaType": _LAYER, "digest": digest, "size": size}],
    }
    target = pushed_directory(reference, tag)
    try:
        _registry_client(uri.partition("/")[0], reference.region).put_image(
            registryId=reference.account,
            repositoryName=reference.repository,
            imageManifest=json.dumps(manifest),
            imageTag=tag,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageAlreadyExistsException":
            raise DockerError(str(error)) from error
        if target.is_dir():
            if _content(target)[0] != digest:
                raise DockerError(f"tag invalid: {error.response['Error']['Message']}") from error
            return digest
    _replace(target, source)
    return digest


def _registry_client(registry: str, region: str) -> Any:
    try:
        password = _password_file(registry).read_text()
    except FileNotFoundError:
        raise DockerError(f"no basic auth credentials for {registry}") from None
    credentials = ecr_tokens.decode(password)
    return boto3.client(
        "ecr",
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
    )


def _password_file(registry: str) -> Path:
    return state_dir() / "images" / ".logins" / quote(registry, safe="")


def _local(name: str) -> Path:
    return state_dir() / "images" / ".local" / quote(name, safe="")


def _existing(name: str) -> Path:
    path = _local(name)
    if not path.is_dir():
        raise DockerError(f"No such image: {name}")
    return path


def _replace(target: Path, source: Path) -> Path:
    """Replace ``target`` with a copy of a tree; readers never see a partial copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _content(directory: Path) -> tuple[str, int]:
    """Return a digest of a tree's file names, modes and contents, and its size in bytes."""
    digest = hashlib.sha256()
    size = 0
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
        digest.update(f"{path.relative_to(directory).as_posix()}\0{mode:o}\0{len(content)}\0".encode())
        digest.update(content)
        size += len(content)
    return f"sha256:{digest.hexdigest()}", size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="docker", description=__doc__)
    parser.add_argument("--config", help="ignored: logins are stored in the local cloud's state directory")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("inspect").add_argument("name")
    images = commands.add_parser("images")
    images.add_argument("--format")
    images.add_argument("--filter")
    login = commands.add_parser("login")
    login.add_argument("--username")
    login.add_argument("--password-stdin", action="store_true")
    login.add_argument("server")
    tag = commands.add_parser("tag")
    tag.add_argument("source")
    tag.add_argument("target")
    commands.add_parser("push").add_argument("name")
    build_command = commands.add_parser("build")
    build_command.add_argument("--tag", "-t", required=True)
    build_command.add_argument("--file", "-f", default="Dockerfile")
    build_command.add_argument("--target")
    for option in ("build-arg", "build-context", "secret", "ssh", "network", "platform", "output"):
        build_command.add_argument(f"--{option}", action="append", help="ignored: nothing is executed")
    for option in ("cache-from", "cache-to"):
        build_command.add_argument(f"--{option}", action="append", help="ignored: nothing is executed")
    build_command.add_argument("--no-cache", action="store_true")
    build_command.add_argument("context")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one docker command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "build":
                build(Path(options.context).resolve(), options.tag, options.file, options.target)
            case "tag":
                tag_image(options.source, options.target)
            case "push":
                print(f"{options.name}: digest: {push(options.name)}")
            case "inspect":
                print(json.dumps([{"Id": _content(_existing(options.name))[0], "RepoTags": [options.name]}]))
            case "login":
                login(options.server, sys.stdin.read().strip())
                print("Login Succeeded")
    except DockerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
