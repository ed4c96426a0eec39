"""Container images as directories: images that were pushed, and stand-ins for images that only AWS has.

An image here is the build context of its Dockerfile. ``docker run IMAGE train`` becomes a Python process that runs
the file ``train`` of that directory; nothing of the Dockerfile but its presence counts.
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

if TYPE_CHECKING:  # The docker stand-in needs this module and none of moto, which takes a second to import.
    from localcloud.core.role_sessions import RoleSession

_ECR_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.]+)/"
    r"(?P<repository>[a-z0-9]+(([._-]+|/)[a-z0-9]+)*)(:(?P<tag>[\w][\w.-]*)|@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class ImageUnavailable(LocalCloudError):
    """An image does not exist, or the role may not pull it; the message is the reason that a job gives."""


@dataclass(frozen=True)
class ImageReference:
    """An image's URI in Amazon ECR, taken apart."""

    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, uri: str) -> ImageReference:
        """Return the parts of ``<account>.dkr.ecr.<region>.<suffix>/<repository>[:tag|@digest]``.

        Raises:
            ImageUnavailable: the URI is of another form.
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
    """An image that can run.

    Attributes:
        uri: as the request names it.
        directory: its files.
        stand_in: whether the directory stands in for an image that only AWS has.
    """

    uri: str
    directory: Path
    stand_in: bool = False

    def command(self, program: str) -> list[str]:
        """Return the command that runs one of its programs."""
        return [sys.executable, str(self.directory / program)]

    def require(self, program: str) -> Image:
        """Return the image itself.

        Raises:
            ImageUnavailable: it has no such program.
        """
        path = self.directory / program
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise ImageUnavailable(f"The image {self.uri} has no executable {program!r} in its build context.")
        return self


def pushed_directory(reference: ImageReference, tag: str) -> Path:
    """Return where the files of an image lie that was pushed under a tag."""
    return state_dir() / "images" / reference.account / reference.region / reference.repository / tag


def pull(uri: str, session: RoleSession) -> Image:
    """Find the image behind ``uri`` with the permissions of a role.

    Raises:
        ImageUnavailable: there is no such image, or the role may not pull it.
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
        found = ecr.batch_get_image(**repository, imageIds=[image_id])["images"]
        if found and reference.account != account_of(session.role_arn):
            # The policy of another account's repository must allow all that a pull needs.
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
