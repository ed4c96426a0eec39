"""Word vectors of the vocabulary, used for topic quality metrics during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from common.errors import CorpusError

if TYPE_CHECKING:
    from common.s3_uri import S3Uri
    from mypy_boto3_s3 import S3Client

_BLOCK: Final = 2**20
_SETTING: Final = "evaluation.word_vectors in environments/<environment>.yaml"


@dataclass(frozen=True)
class WordVectors:
    """Word vectors of a vocabulary, extracted from a much larger file.

    Attributes:
        version: Version of the file, which changes with its content.
        lines: Lines of the file, each a word and its numbers.
    """

    version: str
    lines: Sequence[bytes]

    @property
    def content(self) -> bytes:
        """Content of the extracted file."""
        return b"".join(line + b"\n" for line in self.lines)


def read_word_vectors(s3: S3Client, uri: S3Uri, words: Sequence[str]) -> WordVectors:
    """Stream the vectors of the given words from a file in GloVe's text format.

    Raises:
        CorpusError: The file does not exist, or has no vector for any of the words.
    """
    try:
        answer = s3.get_object(Bucket=uri.bucket, Key=uri.key)
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        raise CorpusError(f"There is no file of word vectors {uri}. Upload it, or change {_SETTING}.") from None
    wanted = {word.encode() for word in words}
    lines = []
    for line in answer["Body"].iter_lines(_BLOCK):
        word = line[: line.find(b" ")]
        if word in wanted:
            wanted.remove(word)  # The first line wins: the file is sorted by frequency.
            lines.append(line)
    if not lines:
        raise CorpusError(
            f"{uri} has no vector for any of the {len(words):,} words of the vocabulary. It must be in GloVe's text "
            f"format: a word and its numbers per line, separated by spaces. Upload another file, or change {_SETTING}."
        )
    return WordVectors(answer["ETag"].strip('"'), lines)
