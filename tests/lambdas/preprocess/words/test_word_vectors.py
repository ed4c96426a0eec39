"""Word vectors for training, as the function and the container read them."""

from pathlib import Path

import numpy as np
import pytest
from common.errors import CorpusError
from mypy_boto3_s3 import S3Client

from ntm.topics.word_vectors import read_word_vectors
from tests.lambdas.preprocess.test_preprocessing import run, small_corpus, written

URI = "s3://data/raw/glove.txt"
FIRST_MOON, SECOND_MOON = [0.5, -1.25, 3e-2], [9.0, 9.0, 9.0]


@pytest.fixture(autouse=True)
def _corpus(s3: S3Client) -> None:
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus())


def _put(s3: S3Client, *rows: tuple[str, list[float]], header: str = "") -> None:
    lines = [f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in rows]
    s3.put_object(Bucket="data", Key="raw/glove.txt", Body=(header + "".join(lines)).encode())


@pytest.mark.parametrize("header", ["", "4 3\n"])
def test_training_gets_the_vectors_of_the_vocabulary(s3: S3Client, tmp_path: Path, header: str) -> None:
    rows = [("moon", FIRST_MOON), ("elsewhere", SECOND_MOON), ("crème", [1.0, 2.0, 3.0]), ("moon", SECOND_MOON)]
    _put(s3, *rows, header=header)
    files = written(s3, run(word_vectors_uri=URI))
    assert files["auxiliary/vectors.txt"].decode().split("\n") == ["moon 0.5 -1.25 0.03", "crème 1.0 2.0 3.0", ""]
    (tmp_path / "vectors.txt").write_bytes(files["auxiliary/vectors.txt"])
    words = files["auxiliary/vocab.txt"].decode().splitlines()
    vectors = read_word_vectors(tmp_path / "vectors.txt", words)
    np.testing.assert_allclose(vectors[words.index("moon")], FIRST_MOON, rtol=1e-6)
    assert np.isnan(vectors).any(axis=1).sum() == len(words) - 2


def test_without_vectors_the_output_is_unchanged(s3: S3Client) -> None:
    assert "auxiliary/vectors.txt" not in written(s3, run())


def test_other_vectors_make_another_folder(s3: S3Client) -> None:
    _put(s3, ("moon", FIRST_MOON))
    first = run(word_vectors_uri=URI)
    assert run(word_vectors_uri=URI) == first
    _put(s3, ("moon", SECOND_MOON))
    uris = [answer["auxiliary_uri"] for answer in (first, run(word_vectors_uri=URI), run())]
    assert len(set(uris)) == 3


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "There is no file of word vectors s3://data/raw/glove.txt"),
        ([("elsewhere", SECOND_MOON)], "no vector for any of the .* words"),
    ],
)
def test_unusable_vectors_are_refused(s3: S3Client, rows: list[tuple[str, list[float]]], reason: str) -> None:
    if rows:
        _put(s3, *rows)
    with pytest.raises(CorpusError, match=reason):
        run(word_vectors_uri=URI)
    assert "Contents" not in s3.list_objects_v2(Bucket="data", Prefix="bow/")
