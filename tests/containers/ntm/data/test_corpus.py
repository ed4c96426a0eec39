import io
import itertools
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.common.errors import InputError
from ntm.common.sagemaker import PIPE, RECORDIO, Channel
from ntm.data.bag_of_words import BagOfWords, bag_of_words, concatenate
from ntm.data.corpus import CSV, Corpus, read_channel
from ntm.data.csv_rows import read_csv, stream_csv
from tests.containers.ntm import planted, records

COUNTS = np.array([[1.0, 0, 0], [0, 0, 3.0], [0, 0, 0], [0, 2.0, 0]])


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    directory = tmp_path / "input" / "data"
    (directory / "train").mkdir(parents=True)
    return directory


def whole(corpus: Corpus) -> BagOfWords:
    return concatenate(list(corpus.chunks()), corpus.feature_dim)


def rows(bag: BagOfWords) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    parts = [bag.part(number, number + 1) for number in range(len(bag))]
    return [(tuple(part.words.tolist()), tuple(part.counts.tolist())) for part in parts]


def test_all_files_of_a_channel_are_read_in_order(data: Path) -> None:
    (data / "train" / "b").mkdir()
    (data / "train" / "b" / "part-00001.pbr").write_bytes(records.sparse_file(COUNTS[3:].astype(np.float32)))
    (data / "train" / "a.pbr").write_bytes(records.dense_file(COUNTS[:3]))
    (data / "train" / "_SUCCESS").write_bytes(b"")
    corpus = read_channel(Channel("train"), 3)
    assert rows(whole(corpus)) == [((0,), (1,)), ((2,), (3,)), ((1,), (2,))]
    assert (len(corpus), corpus.dropped, corpus.feature_dim, corpus.in_memory) == (3, 1, 3, True)
    assert corpus.word_counts.tolist() == [1, 2, 3]
    assert corpus.document_frequencies.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (RECORDIO, records.dense_file(COUNTS[:2]) + records.dense_file(COUNTS[2:])),
        (CSV, "".join(f"{','.join(map(str, row))}\n" for row in COUNTS).encode()),
    ],
)
def test_a_pipe_is_read_once_and_kept(data: Path, content_type: str, content: bytes) -> None:
    pipe = data / "train_0"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(content,))
    feeder.start()
    corpus = read_channel(Channel("train", content_type, PIPE), 3)
    feeder.join()
    pipe.unlink()
    for _ in range(2):
        assert rows(whole(corpus)) == [((0,), (1,)), ((2,), (3,)), ((1,), (2,))]


def test_errors_in_a_pipe_name_it(data: Path) -> None:
    with pytest.raises(InputError, match=r"Channel train is in Pipe mode, but the pipe .*train_0 does not exist"):
        read_channel(Channel("train", RECORDIO, PIPE), 3)
    (data / "train_0").write_bytes(b"no records")
    with pytest.raises(InputError, match="Channel train, file train_0: Record 1 does not begin"):
        read_channel(Channel("train", RECORDIO, PIPE), 3)


def test_objects_that_sagemaker_wraps_are_records(data: Path) -> None:
    (data / "train_0").write_bytes(records.framed([records.sparse_record([1], [2], [3])]))
    assert len(read_channel(Channel("train", RECORDIO, PIPE, wrapped=True), 3)) == 1
    with pytest.raises(InputError, match="RecordWrapperType RecordIO and content type text/csv: set RecordWrapperType"):
        read_channel(Channel("train", CSV, PIPE, wrapped=True), 3)


def test_a_sharded_channel_may_be_empty_on_a_host(data: Path) -> None:
    (data / "train").rmdir()
    assert len(read_channel(Channel("train", sharded=True), 3)) == 0
    with pytest.raises(InputError, match="Channel train has no files: its S3 prefix is empty or wrong"):
        read_channel(Channel("train"), 3)


def test_csv_is_read(data: Path) -> None:
    (data / "train" / "rows.csv").write_text("\ufeff0,1.5,0\n\n 2,0,1e1 \r\n0,0,0\n0.0,0,7")
    corpus = read_channel(Channel("train", "text/csv; label_size=0"), 3)
    assert rows(whole(corpus)) == [((1,), (1.5,)), ((0, 2), (2, 10)), ((2,), (7,))]
    assert corpus.dropped == 1
    assert len(read_csv(b"\n \n", 3)) == 0
    assert rows(read_csv(b"0\n\n5\r\n", 1)) == [((), ()), ((0,), (5,))]


@given(
    st.lists(
        st.lists(st.sampled_from(["0", "1", "0.0", "2.5", " 3", "0 ", "1e2", "00", "70000"]), min_size=4, max_size=4)
    ),
    st.integers(1, 60),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_csv_in_blocks_of_any_size(table: list[list[str]], block_bytes: int, end: str) -> None:
    content = end.join(",".join(row) for row in table)
    expected = np.array([[float(text) for text in row] for row in table]).reshape(-1, 4)
    bag = concatenate(list(stream_csv(io.BytesIO(content.encode()), 4, block_bytes)), 4)
    assert rows(bag) == [
        (tuple(np.flatnonzero(row).tolist()), tuple(row[np.flatnonzero(row)].tolist())) for row in expected
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1,2\n", "Line 1 has 2 fields, but feature_dim is 3"),
        (b"1,2,3\n\n1,2,3,4\n", "Line 3 has 4 fields"),
        (b"7\n", "Line 1 has 1 fields"),
        (b"a,b,c\n", "The CSV has a field that is not a number: 'a' in line 1"),
        (b"0,0,0\n\n1,,3\n", "a field that is not a number: '' in line 3"),
        (b" ,,\n", "a field that is not a number: ' '"),
        (b"0,0,1_0\n", "a field that is not a number: '1_0'"),
        (b"1,2 3,4\n", "a field that is not a number: '2 3'"),
        (b"1,2\r2,4\n", "a field that is not a number"),
        ("1,\u0661,3\n".encode(), "a field that is not a number"),
        (b"1,-2,3\n", "Document 1 has count -2.0 for word 1"),
        (b"1,2,3\n1,nan,3\n", "Document 2 has count nan for word 1"),
        (b"1,2,\xe9\n", "not UTF-8: .* at byte 4"),
    ],
)
def test_csv_without_word_counts_is_rejected(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_csv(content, 3)


def test_csv_errors_count_from_the_beginning_of_the_file() -> None:
    lines = b"1,2,3\n" * 4
    for line, reason in (
        (b"1,2\n", "Line 5 has 2 fields"),
        (b"1,x,3\n", "not a number: 'x' in line 5"),
        (b"1,-1,3\n", "Document 5 has count"),
        (b"1,\xff,3\n", "at byte 26"),
    ):
        with pytest.raises(InputError, match=reason):
            list(stream_csv(io.BytesIO(lines + line), 3, 7))


def test_errors_name_the_channel_and_the_file(data: Path) -> None:
    (data / "train" / "x.pbr").write_bytes(b"id,text\n1,hello\n")
    with pytest.raises(InputError, match=r"Channel train, file x\.pbr: Record 1 does not begin with"):
        read_channel(Channel("train"), 3)
    with pytest.raises(InputError, match=r"content type 'image/png'; allowed: application/x-rec.*, text/csv"):
        read_channel(Channel("train", "image/png"), 3)
    with pytest.raises(InputError, match="content type 'text/csv;label_size=1'"):
        read_channel(Channel("train", "text/csv;label_size=1"), 3)


MEMORY = pytest.mark.parametrize("memory_bytes", [None, 4096, 0])


def numbered(documents: int) -> Iterator[BagOfWords]:
    """Yield documents of one to three words; the first word is the document's number."""
    for start in range(0, documents, 100):
        size = min(100, documents - start)
        numbers = np.arange(size).repeat(np.arange(size) % 3 + 1)
        words = np.concatenate([start + number + np.arange(number % 3 + 1) for number in range(size)])
        yield bag_of_words(numbers, words, np.ones(len(words)), (size, documents + 2))


@MEMORY
def test_every_document_occurs_once_per_epoch(memory_bytes: int | None) -> None:
    corpus = Corpus(numbered(1050), 1052, memory_bytes)
    expected = concatenate(list(numbered(1050)), 1052)
    assert (len(corpus), corpus.in_memory) == (1050, memory_bytes is None)
    assert rows(whole(corpus)) == rows(expected)
    chunks = list(corpus.chunks(np.random.default_rng(0), 64))
    assert max(map(len, chunks)) <= 64
    shuffled = rows(concatenate(chunks, 1052))
    assert shuffled != rows(expected)
    assert sorted(shuffled) == sorted(rows(expected))


@MEMORY
def test_the_order_depends_only_on_the_generator(memory_bytes: int | None) -> None:
    corpus = Corpus(numbered(300), 302, memory_bytes)

    def epochs(seed: int) -> list[list[int]]:
        random = np.random.default_rng(seed)
        return [whole_order(corpus.chunks(random, 7)) for _ in range(2)]

    assert epochs(0) == epochs(0)
    first, second = epochs(0)
    assert first != second
    assert first != epochs(1)[0]


def whole_order(chunks: Iterator[BagOfWords]) -> list[int]:
    return list(itertools.chain.from_iterable(chunk.words[chunk.offsets[:-1]].tolist() for chunk in chunks))


def test_documents_on_disk_are_shuffled_far_and_near() -> None:
    corpus = Corpus(numbered(3000), 3002, 16 * 1024)
    order = np.array(whole_order(corpus.chunks(np.random.default_rng(0))))
    # In a uniformly random order, neighbours and old positions are a third of the corpus away on average.
    assert np.abs(np.diff(order)).mean() > 3000 / 5
    assert np.abs(order - np.arange(3000)).mean() > 3000 / 5


@MEMORY
def test_empty_documents_are_dropped(memory_bytes: int | None) -> None:
    parts = [bag_of_words(np.array([1, 1, 3]), np.array([2, 0, 4]), np.array([1.0, 2, 3]), (5, 6))] * 2
    corpus = Corpus(parts, 6, memory_bytes)
    assert (len(corpus), corpus.dropped) == (4, 6)
    assert rows(whole(corpus)) == [((0, 2), (2, 1)), ((4,), (3,))] * 2
    assert corpus.word_counts.tolist() == [4, 0, 2, 0, 6, 0]
    assert corpus.document_frequencies.tolist() == [2, 0, 2, 0, 2, 0]


@MEMORY
def test_a_corpus_may_be_empty(memory_bytes: int | None) -> None:
    for parts in ([], [bag_of_words(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), (3, 9))]):
        corpus = Corpus(parts, 9, memory_bytes)
        assert len(corpus) == 0
        assert list(corpus.chunks(np.random.default_rng(0))) == []


def test_a_corpus_from_word_counts_in_memory() -> None:
    bag, _ = planted.corpus(50, 0)
    corpus = Corpus.of(bag)
    assert corpus.in_memory
    assert rows(whole(corpus)) == rows(bag)
    assert len(Corpus.of(bag.part(0, 0))) == 0


def test_parts_are_written_to_disk_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most = 0

    class Tracked(BagOfWords):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            alive.add(id(self))

        def __del__(self) -> None:
            alive.discard(id(self))

    def parts() -> Iterator[BagOfWords]:
        nonlocal most
        for part in numbered(3000):
            most = max(most, len(alive))
            yield Tracked(part.offsets, part.words, part.counts, part.feature_dim)

    monkeypatch.setattr(BagOfWords, "non_empty", lambda bag: bag)
    assert len(Corpus(parts(), 3002, 4096)) == 3000
    assert most <= 6


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
    with pytest.raises(InputError, match=r"fit neither into 8 bytes of memory nor on the disk .*VolumeSizeInGB"):
        Corpus(numbered(300), 302, 8)
