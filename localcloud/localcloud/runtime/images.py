"""Container images as directories: pushed images, and stand-ins for images that exist only on AWS.

An image here is the build context of its Dockerfile. ``docker run IMAGE train`` becomes a process that runs the file
``train`` of that directory; the Dockerfile must exist, but only its targets matter: the programs of one cannot import
what ``pip install -r`` installs for others alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.core.errors import LocalCloudError
from localcloud.core.policy import account_of
from localcloud.core.settings import stand_ins, state_dir

if TYPE_CHECKING:  # docker_cli imports this module and must not import moto, which takes a second.
    from localcloud.core.role_sessions import RoleSession

_ECR_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.]+)/"
    r"(?P<repository>[a-z0-9]+(([._-]+|/)[a-z0-9]+)*)(:(?P<tag>[\w][\w.-]*)|@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class ImageUnavailable(LocalCloudError):
    """An image does not exist, or the role may not pull it; the message becomes the job's failure reason."""


@dataclass(frozen=True)
class ImageReference:
    """Parsed URI of an image in Amazon ECR."""

    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, uri: str) -> ImageReference:
        """Parse ``<account>.dkr.ecr.<region>.<suffix>/<repository>[:tag|@digest]``.

        Raises:
            ImageUnavailable: The URI has another form.
        """
        match = _ECR_URI.fullmatch(uri)
        if match is None:
            raise ImageUnavailable(
                f"Invalid image URI {uri!r}: it must name an image in Amazon ECR, "
                "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>."
            )
        tag = match["tag"] or (None if match["digest"] else "latest")
        return cls(match["account"], match["region"], match["repository"], tag, match["digest"])


@dataclass(frozen=True)
class Image:
    """A runnable image.

    Attributes:
        uri: URI from the request.
        directory: Directory with its files.
        stand_in: True if the directory stands in for an image that exists only on AWS.
    """

    uri: str
    directory: Path
    stand_in: bool = False

    def command(self, program: str) -> list[str]:
        """Return the command that runs a program of the image: Python ones with this Python, others as they are."""
        path = self.directory / program
        with path.open("rb") as file:
            first_line = file.readline()
        is_foreign = first_line.startswith((b"#!", b"\x7fELF")) and b"python" not in first_line
        return [str(path)] if is_foreign else [sys.executable, str(path)]

    def require(self, program: str) -> Image:
        """Return the image itself if it contains ``program``.

        Raises:
            ImageUnavailable: The image has no such executable.
        """
        path = self.directory / program
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise ImageUnavailable(f"The image {self.uri} has no executable {program!r} in its build context.")
        return self


def pushed_directory(reference: ImageReference, tag: str) -> Path:
    """Return the directory with the files of an image that was pushed under a tag."""
    return state_dir() / "images" / reference.account / reference.region / reference.repository / tag


def pull(uri: str, session: RoleSession) -> Image:
    """Return the image at ``uri``, pulled with the permissions of a role.

    Raises:
        ImageUnavailable: There is no such image, or the role may not pull it.
    """
    reference = ImageReference.parse(uri)
    if directory := _stand_in(uri, reference, session.role_arn):
        return Image(uri, directory, stand_in=True)
    refusal = (
        f"Role {session.role_arn} cannot pull {uri}. "
        "Ensure that the role exists and the image was granted pull permission."
    )
    image_id = {"imageTag": reference.tag} if reference.tag else {"imageDigest": reference.digest}
    repository = {"registryId": reference.account, "repositoryName": reference.repository}
    ecr = session.client("ecr")
    try:
        ecr.get_authorization_token()
        found = ecr.batch_get_image(**repository, imageIds=[image_id])["images"]
        if found:
            # The role's policies, and the repository's if it is in another account, must allow every action of a pull.
            layer = json.loads(found[0]["imageManifest"])["layers"][0]["digest"]
            ecr.batch_check_layer_availability(**repository, layerDigests=[layer])
            ecr.get_download_url_for_layer(**repository, layerDigest=layer)
    except ClientError as error:
        raise ImageUnavailable(f"{refusal} {error.response['Error']['Message']}") from error
    if not found:
        raise ImageUnavailable(f"{refusal} The repository {reference.repository} has no such image.")
    directory = pushed_directory(reference, found[0]["imageId"]["imageTag"])
    if not directory.is_dir():
        raise ImageUnavailable(f"{refusal} It was not pushed from this machine: {directory} is missing.")
    return Image(uri, directory)


def _stand_in(uri: str, reference: ImageReference, role_arn: str) -> Path | None:
    """Return the directory that stands in for an image; images of the role's own account have none."""
    if reference.account == account_of(role_arn):
        return None
    untagged = re.split(r"[:@]", uri, maxsplit=1)[0]
    for pattern, directory in stand_ins().items():
        expression = re.escape(pattern).replace(r"\*", "[^/]*")
        if re.fullmatch(expression, uri) or re.fullmatch(expression, untagged):
            return directory
    return None
