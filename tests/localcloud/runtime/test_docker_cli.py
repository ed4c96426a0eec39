import json
from pathlib import Path

from botocore.credentials import Credentials

from localcloud.core.ecr_tokens import encode
from tests.localcloud.support import ACCOUNT, HERE, IMAGE, REGION, SmallCloud


def test_image_is_published_with_the_commands_of_the_cdk_cli(cloud: SmallCloud, tmp_path: Path) -> None:
    """Commands that cdk-assets of aws-cdk 2.1148.1 runs, in order."""
    repository = "cdk-hnb659fds-container-assets"
    uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}:abc123"
    cloud.client("ecr").create_repository(repositoryName=repository)
    (tmp_path / "Dockerfile").write_text("FROM scratch AS base\nFROM base as final\n")
    (tmp_path / "ntm").mkdir()
    (tmp_path / "ntm" / "train").write_text("#!/usr/bin/env python3\nprint('hello')\n")
    (tmp_path / "ntm" / "train").chmod(0o755)
    registry = uri.partition("/")[0]
    login = ("login", "--username", "AWS", "--password-stdin", registry)
    assert cloud.docker(*login, input=encode(Credentials("testing", "testing"))).returncode == 0
    assert cloud.docker("inspect", "cdkasset-abc123").returncode == 1
    built = cloud.docker(
        *("build", "--build-arg", "A=B", "--build-context", "c=d", "--secret", "id=s,src=x", "--ssh", "default"),
        *("--tag", "cdkasset-abc123", "--target", "final", "--file", "Dockerfile", "--network", "host"),
        *("--platform", "linux/amd64", "--output=type=docker", "--cache-from", "type=x", "--cache-to", "type=y"),
        *("--no-cache", "."),
        directory=tmp_path,
    )
    assert built.returncode == 0, built.stderr
    assert cloud.docker("inspect", "cdkasset-abc123").returncode == 0
    assert cloud.docker("tag", "cdkasset-abc123", uri).returncode == 0
    assert cloud.docker("--config", "/nowhere", "push", uri).returncode == 0
    assert cloud.docker("push", uri).returncode == 0
    image = cloud.client("ecr").describe_images(repositoryName=repository)["imageDetails"][0]
    assert image["imageTags"] == ["abc123"]
    program = cloud.state / "images" / ACCOUNT / REGION / repository / "abc123" / "ntm" / "train"
    assert program.read_text().endswith("print('hello')\n")
    assert program.stat().st_mode & 0o111


def test_commands_fail_like_docker(cloud: SmallCloud, tmp_path: Path) -> None:
    unbuilt = cloud.docker("build", "--tag", "nothing", ".", directory=tmp_path)
    assert unbuilt.returncode == 1
    assert "Dockerfile: no such file" in unbuilt.stderr
    assert cloud.docker("tag", "nothing", "other").returncode == 1
    assert "No such image" in cloud.docker("push", IMAGE.replace(":1", ":none")).stderr
    cloud.docker("build", "--tag", "somewhere/else:1", ".", directory=HERE / "image")
    assert "Invalid image URI" in cloud.docker("push", "somewhere/else:1").stderr
    assert cloud.docker("run", "--rm", "image").returncode != 0
    assert cloud.docker("images", "--format", "{{.Tag}}", "--filter", "reference=*/*:1").stdout == ""


def test_targets_of_one_directory_are_different_images(cloud: SmallCloud, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.12 AS base\nRUN true\n  from base as Second \n# FROM base AS no\n"
    )

    def digest(target: str) -> str:
        built = cloud.docker("build", "--tag", f"{target}-image", "--target", target, ".", directory=tmp_path)
        assert built.returncode == 0, built.stderr
        return str(json.loads(cloud.docker("inspect", f"{target}-image").stdout)[0]["Id"])

    assert digest("base") != digest("second")
    for target in ("python:3.12", "no", "third"):
        refused = cloud.docker("build", "--tag", "image", "--target", target, ".", directory=tmp_path)
        assert refused.returncode == 1
        assert f'target stage "{target}" could not be found' in refused.stderr


def test_same_content_has_the_same_digest(cloud: SmallCloud) -> None:
    def digest(name: str) -> str:
        cloud.docker("build", "--tag", name, ".", directory=HERE / "image")
        inspected = json.loads(cloud.docker("inspect", name).stdout)
        return str(inspected[0]["Id"])

    assert digest("one") == digest("two")
