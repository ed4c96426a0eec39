"""Reading a corpus from a mocked S3."""

import gzip

import pytest
from common.errors import CorpusError
from common.s3_uri import S3Uri
from mypy_boto3_s3 import S3Client
from read.corpus import Corpus


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


CSV = b"id,text\n1,one\n2,two\n"


def read(s3: S3Client, uri: str) -> tuple[list[tuple[str, str]], Corpus]:
    parsed = S3Uri.parse(uri)
    assert parsed is not None
    corpus = Corpus(s3, parsed, ("text",), "id")
    return list(corpus.documents()), corpus


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", CSV),
        ("X.CSV", CSV.replace(b"\n", b"\r\n")),
        ("x.csv.gz", compressed(CSV)),
        ("x.csv.gz", compressed(CSV[:11]) + compressed(CSV[11:])),
        ("x.jsonl", b'{"id": 1, "text": "one"}\n{"id": "2", "text": "two"}'),
        ("x.ndjson.gz", compressed(b'{"id": 1, "text": "one"}\n\n{"id": "2", "text": "two"}\n')),
    ],
)
def test_formats(s3: S3Client, name: str, content: bytes) -> None:
    s3.put_object(Bucket="data", Key=f"raw/{name}", Body=content)
    documents, corpus = read(s3, f"s3://data/raw/{name}")
    assert documents == [("1", "one"), ("2", "two")]
    (item,) = corpus.objects
    assert (item.key, item.size, item.rows, item.version_id) == (f"raw/{name}", len(content), 2, None)
    assert item.etag == s3.head_object(Bucket="data", Key=f"raw/{name}")["ETag"].strip('"')


@pytest.mark.parametrize("uri", ["s3://data/raw", "s3://data/raw/", "s3://data", "s3://data/"])
def test_all_objects_below_a_prefix_in_the_order_of_their_keys(s3: S3Client, uri: str) -> None:
    names = [
        "b.csv",
        "a/z.jsonl",
        "a.csv.gz",
        "é.csv",
        "_SUCCESS",
        ".b.csv.crc",
        "_temporary/0/c.csv",
        "a/",
        "empty.csv",
        "",
    ]
    for name in names:
        content = f"text,id\nx,{name}\n".encode()
        if name.endswith("z.jsonl"):
            content = b'{"text": "x", "id": "a/z.jsonl"}'
        if name.endswith((".gz", "/")) or name in ("", "empty.csv"):
            content = compressed(content) if name.endswith(".gz") else b""
        s3.put_object(Bucket="data", Key=f"raw/{name}", Body=content)
    if uri.rstrip("/") != "s3://data":
        s3.put_object(Bucket="data", Key="raw-other/y.csv", Body=CSV)
    documents, corpus = read(s3, uri)
    assert [uid for uid, _ in documents] == ["a.csv.gz", "a/z.jsonl", "b.csv", "é.csv"]
    assert [item.key for item in corpus.objects] == [
        "raw/a.csv.gz", "raw/a/z.jsonl", "raw/b.csv", "raw/empty.csv", "raw/é.csv"
    ]  # fmt: skip
    assert corpus.report.rows == 4


def test_many_objects(s3: S3Client) -> None:
    # S3 lists at most 1,000 keys per response.
    for number in range(1000):
        s3.put_object(Bucket="data", Key=f"raw/_{number}", Body=b"")
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=CSV)
    documents, _ = read(s3, "s3://data/raw/")
    assert len(documents) == 2


def test_version_is_recorded(s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="data", Key="x.csv", Body=b"old")
    version = s3.put_object(Bucket="data", Key="x.csv", Body=CSV)["VersionId"]
    _, corpus = read(s3, "s3://data/x.csv")
    assert [item.version_id for item in corpus.objects] == [version]


def test_a_missing_corpus_or_bucket_is_an_error(s3: S3Client) -> None:
    s3.put_object(Bucket="data", Key="raw/x.csv.bak", Body=CSV)
    with pytest.raises(CorpusError, match=r"no object s3://data/raw/x\.csv and none under s3://data/raw/x\.csv/"):
        read(s3, "s3://data/raw/x.csv")
    with pytest.raises(CorpusError, match="no bucket data-2"):
        read(s3, "s3://data-2/raw/x.csv")


def test_unknown_format_is_found_before_anything_is_read(s3: S3Client) -> None:
    s3.put_object(Bucket="data", Key="raw/a.csv", Body=CSV)
    s3.put_object(Bucket="data", Key="raw/b.parquet", Body=b"PAR1")
    corpus = Corpus(s3, S3Uri("data", "raw/"), ("text",), "id")
    with pytest.raises(
        CorpusError, match=r"s3://data/raw/b.parquet has no known extension .* \.csv, \.jsonl, .*\.csv\.gz"
    ):
        next(corpus.documents())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (compressed(CSV * 1000)[:-20], "ended before the end-of-stream marker"),
        (compressed(CSV * 1000)[:-4], "ended before the end-of-stream marker"),
        (compressed(CSV)[:-8] + bytes(8), "CRC check failed"),
        (compressed(CSV)[:12] + b"\xff" * 30, ""),
        (compressed(CSV) + b"garbage", "Not a gzipped file"),
        (CSV, "Not a gzipped file"),
    ],
)
def test_damaged_gzip(s3: S3Client, content: bytes, message: str) -> None:
    s3.put_object(Bucket="data", Key="x.csv.gz", Body=content)
    with pytest.raises(
        CorpusError, match=rf"s3://data/x\.csv\.gz is corrupt or truncated gzip after \d+ rows \(.*{message}"
    ):
        read(s3, "s3://data/x.csv.gz")
