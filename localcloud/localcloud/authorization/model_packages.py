"""Permissions to register a model: the registry looks up image and model artifact with the caller's permissions.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-version.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.ecr.models import ecr_backends

from localcloud.authorization.s3_objects import Permission
from localcloud.runtime.images import ImageReference, ImageUnavailable


def permissions_to_register(parameters: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield the permissions on the containers of a CreateModelPackage request."""
    specification = parameters.get("InferenceSpecification")
    containers = specification.get("Containers") if isinstance(specification, Mapping) else None
    for container in containers if isinstance(containers, list) else []:
        repository = _repository(str(container.get("Image")))
        if repository:
            yield Permission("ecr:BatchGetImage", repository)
            yield Permission("ecr:DescribeImages", repository)
        if url := container.get("ModelDataUrl"):
            yield Permission("s3:GetObject", f"arn:aws:s3:::{str(url).removeprefix('s3://')}")


def _repository(uri: str) -> str | None:
    """Return the ARN of an image's repository, or None for an image that something else stands in for."""
    try:
        image = ImageReference.parse(uri)
    except ImageUnavailable:
        return None
    repository = ecr_backends[image.account][image.region].repositories.get(image.repository)
    return str(repository.arn) if repository else None
