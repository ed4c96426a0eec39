"""Environment variables of containers: what SageMaker documents for each kind, and what this machine adds.

No kind documents a region. Logs of training jobs show AWS_REGION, which boto3 does not read; a program that needs a
region takes it from an ARN or from the request's ``Environment``, and then runs on AWS whether it is set or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import endpoint_url

_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg"


@dataclass(frozen=True)
class ContainerKind:
    """Kind of container.

    Attributes:
        variables: Variables that SageMaker sets beside the request's ``Environment``.
        source: Page that documents them.
    """

    variables: frozenset[str]
    source: str


TRAINING = ContainerKind(
    frozenset({"TRAINING_JOB_NAME", "TRAINING_JOB_ARN"}),
    f"{_GUIDE}/your-algorithms-training-algo-running-container.html",
)
PROCESSING = ContainerKind(frozenset(), f"{_GUIDE}/build-your-own-processing-container.html")
TRANSFORM = ContainerKind(
    frozenset(
        {
            "SAGEMAKER_BATCH",
            "SAGEMAKER_BATCH_STRATEGY",
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB",
        }
    ),
    f"{_GUIDE}/your-algorithms-batch-code.html",
)
HOSTING = ContainerKind(frozenset(), f"{_GUIDE}/your-algorithms-inference-code.html")

LOCAL_VARIABLES: Mapping[str, str] = {
    "SAGEMAKER_BASE_DIR": "there is no /opt/ml of its own for each container",
    "SAGEMAKER_BIND_TO_PORT": "containers share the ports of this machine; on AWS it is set in inference pipelines",
    "MASTER_ADDR": "names of hosts such as algo-1 do not resolve",
    "MASTER_PORT": "the hosts of parallel jobs share the ports of this machine",
    "AWS_ENDPOINT_URL": "the AWS API is this local cloud",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to 169.254.170.2",
    "AWS_EC2_METADATA_DISABLED": "the metadata service of this machine, if any, is not the container's",
    "HOME": "the home directory of this user is not the container's",
    "PATH": "programs of the image are in its build context",
    "PYTHONPATH": "this Python has packages that the target of an image's Dockerfile does not install",
    "PYTHONUNBUFFERED": "the image's Dockerfile, whose ENV may say so, is not executed",
    "GOMP_SPINCOUNT": "containers share the cores: waiting threads that spin slow the others down",
    "OMP_NUM_THREADS": "trials of a tuning job share the cores",
    "LANG": "a container's is C.UTF-8 in images of Python",
    "TMPDIR": "temporary files go where this machine wants them",
    "LD_LIBRARY_PATH": "libraries of this machine stand in for the image's",
    "CUDA_VISIBLE_DEVICES": "containers share the GPUs of this machine",
}
"""Variables that only the local cloud sets, each with its reason."""


def container_environment(
    kind: ContainerKind,
    session: RoleSession,
    *,
    requested: Mapping[str, str],
    given: Mapping[str, str] | None = None,
    isolated: bool,
) -> dict[str, str]:
    """Return a container's environment variables, apart from those in ``LOCAL_VARIABLES`` that every process needs.

    Credentials come from an endpoint, as on AWS, where AWS_ACCESS_KEY_ID is not set either. An isolated container has
    none: https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html.

    Args:
        kind: Kind of the container.
        session: Session of its role.
        requested: ``Environment`` of the request.
        given: Values of the kind's variables.
        isolated: Whether the container has no network.
    """
    given = given or {}
    assert given.keys() == kind.variables
    local = {"AWS_ENDPOINT_URL": endpoint_url(), "AWS_EC2_METADATA_DISABLED": "true"}
    if not isolated:
        local["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = session.credentials_url()
    return {**requested, **given, **local}
