"""Facts about SageMaker's built-in algorithms."""

from localcloud.core.policy import account_of
from localcloud.runtime.images import ImageReference, ImageUnavailable

LONGEST_WAIT_SECONDS = 3600
"""Longest wait for spot capacity of an algorithm that does not resume from a checkpoint."""

# Their repositories. See https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html.
_WITHOUT_CHECKPOINTS = frozenset(
    {
        "blazingtext",
        "factorization-machines",
        "forecasting-deepar",
        "ipinsights",
        "kmeans",
        "knn",
        "lda",
        "linear-learner",
        "ntm",
        "object2vec",
        "pca",
        "randomcutforest",
        "seq2seq",
    }
)

_QUALITY = r"#quality_metric: host=\S+, epoch=\S+, {channel} {name} <{kind}>=(\S+)"

# SageMaker itself defines the metrics of its built-in algorithms. See
# https://docs.aws.amazon.com/sagemaker/latest/dg/ntm-tuning.html.
_NTM: list[dict[str, str]] = [
    {"Name": "train:total_loss", "Regex": _QUALITY.format(channel="train", name="total_loss", kind="loss")},
    {
        "Name": "validation:total_loss",
        "Regex": _QUALITY.format(channel="validation", name="total_loss", kind="loss"),
    },
    {"Name": "train:progress", "Regex": r"#progress_metric: host=\S+, completed (\S+) %"},
    {"Name": "train:throughput", "Regex": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"},
]
_BUILT_IN = {"ntm": _NTM}


def built_in_definitions(image: str, role_arn: str) -> list[dict[str, str]]:
    """Return the metrics of the built-in algorithm behind an image, for any other image an empty list.

    Raises:
        ImageUnavailable: The URI is not one of Amazon ECR.
    """
    reference = ImageReference.parse(image)
    return [] if reference.account == account_of(role_arn) else _BUILT_IN.get(reference.repository, [])


def cannot_resume(image: str, account_id: str) -> bool:
    """Return whether an image is that of a built-in algorithm without checkpoints, which no account owns itself."""
    try:
        reference = ImageReference.parse(image)
    except ImageUnavailable:
        return False
    return reference.account != account_id and reference.repository in _WITHOUT_CHECKPOINTS
