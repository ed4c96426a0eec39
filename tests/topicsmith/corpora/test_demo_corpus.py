import csv
import errno
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from topicsmith.corpora import demo_corpus
from topicsmith.corpora.demo_corpus import plain_text, write_demo_corpus


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    path = tmp_path_factory.mktemp("demo") / "demo.csv"
    count = write_demo_corpus(path)
    assert [file.name for file in path.parent.iterdir()] == ["demo.csv"]
    with path.open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file, strict=True)
    assert header == ["id", "service", "text"]
    assert len(found) == count
    return found


def test_size(rows: list[list[str]]) -> None:
    assert 13_000 < len(rows) < 20_000
    assert len({service for _, service, _ in rows}) > 430


def test_order_and_ids(rows: list[list[str]]) -> None:
    assert rows == sorted(rows, key=lambda row: (row[1], row[0]))
    assert len({uid for uid, _, _ in rows}) == len(rows)
    assert all(re.fullmatch(rf"{re.escape(service)}\.\w+", uid) for uid, service, _ in rows)
    assert "s3.PutObject" in {uid for uid, _, _ in rows}


def test_texts_are_plain(rows: list[list[str]]) -> None:
    for _, _, text in rows:
        assert len(text.split()) >= 10
        assert text == " ".join(text.split())
        assert not re.search(r"</?(p|code|a|li|ul|note|i|b)\b[^>]*>|&(amp|lt|gt|quot|nbsp|#\d+);", text), text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        ("<p>Two <code>Bucket</code>s &amp; a\n <a href='x'>lin</a>k</p>", "Two Buckets & a link"),
        ("a&nbsp;&quot;b&#39;&amp;amp;", "a \"b'&"),
        ("&lt;p&gt;a&lt;/p&gt;", "a"),
        ("<ul><li>a</li><li><b>b</b>c</li></ul><br/>d", "a bc d"),
        ("", ""),
        ("a < b <!-- no --> c", "a < b c"),
        ("<p>cut off <code>x", "cut off x"),
    ],
)
def test_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_the_file_is_written_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "demo.csv"
    path.write_text("before")

    def disk_gets_full() -> Iterator[tuple[str, str, str]]:
        yield "s3.PutObject", "s3", "text"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(demo_corpus, "demo_documents", disk_gets_full)
    with pytest.raises(OSError, match="No space left"):
        write_demo_corpus(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
