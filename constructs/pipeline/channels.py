"""Input channels of training jobs."""

from collections.abc import Mapping, Sequence

from constructs.definition.expressions import Json

_RECORDIO = "application/x-recordio-protobuf"
_CONTENT_TYPES = {"train": _RECORDIO, "validation": _RECORDIO, "test": _RECORDIO, "auxiliary": "text/plain"}


def channels(inputs: Mapping[str, Json], *, sharded: bool) -> Sequence[Json]:
    """Return the ``InputDataConfig`` of a training job.

    Args:
        inputs: S3 prefixes by channel name.
        sharded: Whether the training data is divided among the hosts.
    """
    return [_channel(name, uri, sharded=sharded and name == "train") for name, uri in inputs.items()]


def _channel(name: str, uri: Json, *, sharded: bool) -> Json:
    distribution = "ShardedByS3Key" if sharded else "FullyReplicated"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "ContentType": _CONTENT_TYPES[name], "DataSource": {"S3DataSource": source}}
