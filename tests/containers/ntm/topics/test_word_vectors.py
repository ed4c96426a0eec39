import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ntm.artifacts.artifacts import Auxiliary
from ntm.common.errors import InputError
from ntm.topics.topics import Topics
from ntm.topics.word_vectors import mean_of_known, read_word_vectors, with_wetc


def written(folder: Path, content: str) -> Path:
    path = folder / "vectors.txt"
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize("header", ["", "5 2\n"])
def test_words_of_the_vocabulary_get_their_vectors(tmp_path: Path, header: str) -> None:
    path = written(tmp_path, f"{header}the 9 9\ncafé 1 -2.5e-1\ncats 0 0\ndogs 3 4 \ndogs 7 7\n")
    vectors = read_word_vectors(path, ["dogs", "unheard", "café", "cats"])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [[3, 4], [np.nan] * 2, [1, -0.25], [np.nan] * 2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cats 1 2\ndogs 1\n", "vectors.txt, line 2, has 1 numbers for the word dogs; expected 2 finite ones"),
        ("cats 1 2\ndogs 1 2 3\n", "vectors.txt, line 2, has 3 numbers for the word dogs; expected 2 finite ones"),
        ("9 2\ncats 1 2\ndogs 1 x\n", "vectors.txt, line 3, is b'dogs 1 x\\n'; expected a word and numbers"),
        ("dogs 1 nan\n", "vectors.txt, line 1, has 2 numbers for the word dogs; expected 2 finite ones"),
        ("dogs 1 1e300\n", "vectors.txt, line 1, has 2 numbers for the word dogs; expected 2 finite ones"),
        ("birds 1 2\nx y z\n", "vectors.txt has no vector for any of the 2 words of the vocabulary"),
        ("", "vectors.txt has no vector for any of the 2 words of the vocabulary"),
        ("dogs\n", "line 1, has 0 numbers for the word dogs"),
    ],
)
def test_invalid_files_are_rejected_with_the_reason(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_word_vectors(written(tmp_path, content), ["cats", "dogs"])


@given(content=st.binary(max_size=60))
@example(content=b"b\x80")
def test_any_bytes_are_read_or_rejected_with_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(b"a 1 2\n" + content)
    with contextlib.suppress(InputError):
        assert read_word_vectors(path, ["a", "b"]).shape == (2, 2)


def test_vectors_need_a_vocabulary(tmp_path: Path) -> None:
    path = written(tmp_path, "0 1 2\n")
    with pytest.raises(InputError, match=r"vectors\.txt requires vocab\.txt, which is missing"):
        Auxiliary(None, None).word_vectors(path, 2)
    np.testing.assert_array_equal(Auxiliary(b"0\n1\n", None).word_vectors(path, 2)[0], [1, 2])


def test_topics_get_a_wetc_score() -> None:
    half, none = np.full((2, 2), 0.5, np.float32), np.zeros(2)
    topics = Topics(half[0], np.array([[0, 1], [1, 2]]), half, none, none)
    vectors = np.array([[1, 0], [1, 1], [np.nan, np.nan]], np.float32)
    found = with_wetc(topics, vectors).wetc
    assert found is not None
    np.testing.assert_allclose(found, [0.5**0.5, np.nan], rtol=1e-6)
    assert mean_of_known(found) == pytest.approx(0.5**0.5)
    assert np.isnan(mean_of_known(found[1:]))
