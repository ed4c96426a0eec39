from pathlib import Path

import numpy as np
import pytest

from ntm.corpus import read_channel
from ntm.csv_rows import read_csv
from ntm.errors import InputError
from tests.unit.ntm import records

RECORDIO = "application/x-recordio-protobuf"


def test_all_files_of_a_channel_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "part-00001.pbr").write_bytes(records.sparse_file(np.array([[0, 2, 0]], np.float32)))
    (tmp_path / "a.pbr").write_bytes(records.dense_file(np.array([[1.0, 0, 0], [0, 0, 3.0]])))
    (tmp_path / "_SUCCESS").write_bytes(b"")
    corpus = read_channel(tmp_path, RECORDIO, 3)
    assert corpus.words.tolist() == [0, 2, 1]
    assert corpus.counts.tolist() == [1, 3, 2]
    assert corpus.offsets.tolist() == [0, 1, 2, 3]


def test_csv_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("0,1.5,0\n\n 2,0,1e1 \r\n0,0,0\n")
    corpus = read_channel(tmp_path, "text/csv; label_size=0", 3)
    assert corpus.offsets.tolist() == [0, 1, 3, 3]
    assert (corpus.words.tolist(), corpus.counts.tolist()) == ([1, 0, 2], [1.5, 2, 10])
    assert len(read_csv(b"\n \n", 3)) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1,2\n", "Line 1 has 2 fields; feature_dim is 3"),
        (b"1,2,3\n\n1,2,3,4\n", "Line 3 has 4 fields"),
        (b"a,b,c\n", "a field that is not a number"),
        (b"1,,3\n", "a field that is not a number"),
        (b"1,-2,3\n", "Document 1 has count -2.0 for word 1"),
        (b"1,2,3\n1,nan,3\n", "Document 2 has count nan for word 1"),
        (b"1,2,\xe9\n", "not UTF-8"),
    ],
)
def test_csv_that_is_not_counts_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_csv(content, 3)


def test_errors_name_the_channel_and_the_file(tmp_path: Path) -> None:
    channel = tmp_path / "validation"
    channel.mkdir()
    with pytest.raises(InputError, match="Channel validation has no file"):
        read_channel(channel, RECORDIO, 3)
    (channel / "x.pbr").write_bytes(b"id,text\n1,hello\n")
    with pytest.raises(InputError, match=r"Channel validation, file x\.pbr: Record 1 does not begin with"):
        read_channel(channel, RECORDIO, 3)
    with pytest.raises(InputError, match=r"content type 'image/png'; allowed: application/x-rec.*, text/csv"):
        read_channel(channel, "image/png", 3)
    with pytest.raises(InputError, match="content type 'text/csv;label_size=1'"):
        read_channel(channel, "text/csv;label_size=1", 3)
