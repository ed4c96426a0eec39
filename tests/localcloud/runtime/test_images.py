import pytest

from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import project_root
from localcloud.runtime.images import ImageReference, ImageUnavailable, pull

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SESSION = RoleSession("arn:aws:iam::123456789012:role/worker", "key", "secret", "token", "eu-west-1")


@pytest.mark.parametrize(
    ("uri", "repository", "tag", "digest"),
    [
        (f"{HOST}/ntm:1", "ntm", "1", None),
        (f"{HOST}/cdk-hnb659fds-container-assets-1-eu:0a1b", "cdk-hnb659fds-container-assets-1-eu", "0a1b", None),
        (f"{HOST}/a/b", "a/b", "latest", None),
        (f"{HOST}/a@sha256:{'0' * 64}", "a", None, f"sha256:{'0' * 64}"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/ntm:1", "ntm", "1", None),
    ],
)
def test_uri_is_parsed(uri: str, repository: str, tag: str | None, digest: str | None) -> None:
    reference = ImageReference.parse(uri)
    assert reference.account == "123456789012"
    assert (reference.repository, reference.tag, reference.digest) == (repository, tag, digest)


@pytest.mark.parametrize("uri", ["ntm:1", "docker.io/library/python:3", f"{HOST}/", f"{HOST}/a:b:c", f"{HOST}/../x:1"])
def test_invalid_uris_are_refused_with_the_allowed_form(uri: str) -> None:
    with pytest.raises(ImageUnavailable, match="must name an image in Amazon ECR"):
        ImageReference.parse(uri)


def test_built_in_ntm_is_replaced_by_this_projects_container() -> None:
    image = pull("382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1", SESSION)
    assert image.stand_in
    assert image.directory == project_root() / "containers" / "ntm"
