"""Word vectors of a vocabulary, by which training judges topics."""

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
    """The part of a file of word vectors that a vocabulary needs: a model for ten thousand words wants no million.

    Attributes:
        version: changes with the file's bytes.
        lines: a word and its numbers each, as the file has them.
    """

    version: str
    lines: Sequence[bytes]

    @property
    def content(self) -> bytes:
        """The lines as a file."""
        return b"".join(line + b"\n" for line in self.lines)


def read_word_vectors(s3: S3Client, uri: S3Uri, words: Sequence[str]) -> WordVectors:
    """Read the vectors of a vocabulary's words from a file in GloVe's text format, as a stream.

    Raises:
        CorpusError: when there is no such file, or it has a vector of none of the words.
    """
    try:
        answer = s3.get_object(Bucket=uri.bucket, Key=uri.key)
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        raise CorpusError(f"There are no word vectors {uri}: upload them, or change {_SETTING}.") from None
    wanted = {word.encode() for word in words}
    lines = []
    for line in answer["Body"].iter_lines(_BLOCK):
        word = line[: line.find(b" ")]
        if word in wanted:
            wanted.remove(word)  # A word's first line counts: they come by frequency.
            lines.append(line)
    if not lines:
        raise CorpusError(
            f"{uri} has a vector of none of the {len(words):,} words of the vocabulary: it must be text, a line a word "
            f"and its numbers with spaces between them, as GloVe's is. Upload another, or change {_SETTING}."
        )
    return WordVectors(answer["ETag"].strip('"'), lines)
