"""Checks of a corpus before its upload."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topicsmith.core.errors import OperatorError
from topicsmith.corpora import corpus

NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0\ufeff"), min_size=1).filter(
        lambda name: name == name.strip()
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@settings(max_examples=50)
@given(names=NAMES, ending=st.sampled_from(corpus.FORMATS), byte_order_mark=st.booleans())
def test_columns_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], ending: str, byte_order_mark: bool
) -> None:
    path = tmp_path_factory.mktemp("corpus") / f"Some File{ending}"
    opener = gzip.open if ending.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8-sig" if byte_order_mark else "utf-8", newline="") as file:
        if ".csv" in ending:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerow([f"value of {name}" for name in names])
        else:
            file.write(json.dumps({name: f"value of {name}" for name in names}) + "\n")

    assert corpus.columns(path) == tuple(names)
    corpus.check(path, names, names[0])
    assert list(corpus.documents(path, names)) == [" ".join(f"value of {name}" for name in names)]
    with pytest.raises(OperatorError, match="has no column"):
        corpus.check(path, [*names, "\n"], None)


def test_json_lines_columns_come_from_all_sampled_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "x"}\nnot json\n[1]\n{"body": "y", "title": null}\n' + "[" * 100_000 + "\n")
    assert corpus.columns(path) == ("title", "body")
    assert list(corpus.documents(path, ["title", "body"])) == ["x", "y"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"text", "its name must end in .csv, .csv.gz, .jsonl,"),
        ("a.csv", None, "There is no file"),
        ("a.csv", b"", "is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.csv.gz", b"text\n", "is not a complete gzip file"),
        ("a.csv.gz", gzip.compress(bytes(range(256)) * 100, mtime=0)[:60], "is not a complete gzip file"),
        ("a.csv", b'"' + b"x" * 200_000, f"Its columns: {'x' * 59}…."),
        ("a.csv", b"a,b\n1,2\n", "Its columns: a, b."),
        ("a.csv", b"text\x00\xff\n1\n", "has no column"),
        ("a.csv", b"id,text\n1,\n2, \n", "has no row with text in text."),
        ("a.jsonl", b"[]\n", "has no column text. Its columns: none."),
    ],
)
def test_a_file_that_is_not_a_corpus_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError) as caught:
        corpus.check(path, ["text"], None)
    assert reason in caught.value.message


def test_a_folder_is_not_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OperatorError, match="There is no file"):
        corpus.columns(tmp_path / "a.csv")


def test_fields_of_any_length_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "word" * 100_000 + "\n")
    assert len(next(corpus.documents(path, ["text"]))) == 400_000
