"""From a training job's channel to word counts."""

from pathlib import Path

from ntm.bag_of_words import BagOfWords, concatenate
from ntm.csv_rows import read_csv
from ntm.errors import InputError
from ntm.recordio import read_recordio

_READERS = {"application/x-recordio-protobuf": read_recordio, "text/csv": read_csv}


def read_channel(directory: Path, content_type: str, feature_dim: int) -> BagOfWords:
    """Read all the files of a channel, in the order of their paths.

    Args:
        directory: where SageMaker put the channel's files; folders within it are read too.
        content_type: ``application/x-recordio-protobuf`` or ``text/csv`` (``;label_size=0`` may follow).
        feature_dim: size of the vocabulary.

    Raises:
        InputError: the channel has no file, is of another type, or a file cannot be read; the message names the
            channel and the file.
    """
    name = directory.name
    media_type, _, options = content_type.replace(" ", "").lower().partition(";")
    if media_type not in _READERS or options not in ("", "label_size=0"):
        raise InputError(
            f"Channel {name} has content type {content_type!r}; allowed: {', '.join(_READERS)} "
            "(set ContentType in the training job's InputDataConfig)."
        )
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"Channel {name} has no file: its S3 prefix is empty or wrong.")
    parts = []
    for path in files:
        try:
            parts.append(_READERS[media_type](path.read_bytes(), feature_dim))
        except InputError as error:
            raise InputError(f"Channel {name}, file {path.relative_to(directory)}: {error}") from None
    return concatenate(parts, feature_dim)
