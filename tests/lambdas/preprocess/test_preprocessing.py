"""Complete preprocessing runs on a mocked S3."""

import ast
import csv
import hashlib
import importlib.util
import json
import logging
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import preprocessing
import pytest
from common.errors import CorpusError
from mypy_boto3_s3 import S3Client
from words.stop_words import ENGLISH
from write.output import Output

from tests.lambdas.preprocess.sdk import read_records
from topicsmith.corpora.demo_corpus import write_demo_corpus

FUNCTION = Path(preprocessing.__file__).parent

EVENT: dict[str, object] = {
    "corpus_uri": "s3://data/raw/x.csv",
    "text_columns": "title,body",
    "id_column": "id",
    "output_uri": "s3://data/bow",
    "vocabulary_size": "5000",
    "min_document_frequency": "5",
    "max_document_share": "0.5",
    "min_word_length": "3",
    "stop_words": "english",
    "validation_share": "0.1",
    "test_share": "0.1",
    "train_shards": "1",
}

TOPICS = [
    ["orbit", "rocket", "launch", "moon", "shuttle", "satellite", "astronaut"],
    ["goal", "league", "striker", "keeper", "référée", "stadium", "season"],
    ["flour", "butter", "oven", "sugar", "yeast", "crème", "recipe"],
]


def _load_handler() -> ModuleType:
    # Other functions also have a module named handler.
    spec = importlib.util.spec_from_file_location("preprocess_handler", FUNCTION / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(**changes: object) -> dict[str, str]:
    answer = _load_handler().handler({**EVENT, **changes}, None)
    assert all(isinstance(value, str) for value in answer.values())
    return dict(answer)


def small_corpus(documents: int = 50, seed: int = 0) -> bytes:
    chance = random.Random(seed)
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "title", "body"])
    for number in range(documents):
        topic = TOPICS[number % 3]
        writer.writerow([f"doc {number}", chance.choice(topic).upper(), f"The {' '.join(chance.choices(topic, k=9))}."])
    return file.getvalue().encode()


@pytest.fixture(autouse=True)
def _corpus(s3: S3Client) -> None:
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus())


def objects(s3: S3Client, prefix: str) -> dict[str, bytes]:
    listing = s3.list_objects_v2(Bucket="data", Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket="data", Key=item["Key"])["Body"].read()
        for item in listing
    }


def written(s3: S3Client, answer: dict[str, str]) -> dict[str, bytes]:
    """Return the files written by the run with this result."""
    return objects(s3, answer["meta_uri"].removeprefix("s3://data/").removesuffix("meta.json"))


def lines(files: dict[str, bytes], folder: str) -> list[dict[str, Any]]:
    """Return the records of a folder's JSON Lines files, in file order."""
    return [
        json.loads(line)
        for name in sorted(files)
        if name.startswith(f"{folder}/")
        for line in files[name].decode("ascii").splitlines()
    ]


def counts(line: dict[str, Any]) -> dict[int, int]:
    features = line["instance"]["data"]["features"]
    return dict(zip(features["keys"], features["values"], strict=True))


def bags(files: dict[str, bytes], split: str) -> dict[str, dict[str, int]]:
    """Return each document's word counts by id, read from the shards by the SageMaker SDK."""
    words = files["auxiliary/vocab.txt"].decode().splitlines()
    found = {}
    for name, content in files.items():
        if name.startswith(f"{split}/"):
            for record in read_records(content):
                tensor = record.features["values"].float32_tensor
                assert list(tensor.shape) == [len(words)]
                assert list(tensor.keys) == sorted(set(tensor.keys))
                found[record.uid] = {words[key]: int(n) for key, n in zip(tensor.keys, tensor.values, strict=True)}
    return found


def expected_bags(content: bytes, files: dict[str, bytes]) -> dict[str, dict[str, int]]:
    """Return the same counts as serving computes them, from tokenizer.json and vocab.txt alone."""
    told = json.loads(files["auxiliary/tokenizer.json"])
    vocabulary = set(files["auxiliary/vocab.txt"].decode().splitlines())
    rows = csv.DictReader(StringIO(content.decode()))
    found = {}
    for row in rows:
        text = unicodedata.normalize(told["normalization"], f"{row['title']}\n{row['body']}").lower()
        found[row["id"]] = dict(Counter(word for word in re.findall(told["pattern"], text) if word in vocabulary))
    return found


def test_small_corpus(s3: S3Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer = run()
    files = written(s3, answer)
    meta = json.loads(files["meta.json"])

    folder = answer["train_uri"].removesuffix("/train")
    assert re.fullmatch("s3://data/bow/[0-9a-f]{32}", folder)
    assert answer == {
        "feature_dim": str(meta["feature_dim"]),
        "documents": "50",
        "train_documents": str(meta["splits"]["train"]["documents"]),
        "validation_documents": str(meta["splits"]["validation"]["documents"]),
        "test_documents": str(meta["splits"]["test"]["documents"]),
        "train_uri": f"{folder}/train",
        "validation_uri": f"{folder}/validation",
        "test_uri": f"{folder}/test",
        "auxiliary_uri": f"{folder}/auxiliary",
        "documents_uri": f"{folder}/documents",
        "heldout_uri": f"{folder}/heldout",
        "scoring_uri": f"{folder}/scoring",
        "meta_uri": f"{folder}/meta.json",
        "corpus": "s3://data/raw/x.csv",
        "corpus_version": meta["corpus_version"],
    }
    assert sorted(files) == [
        "auxiliary/tokenizer.json",
        "auxiliary/vocab.txt",
        "documents/part-00000.jsonl",
        "documents/part-00001.jsonl",
        "documents/part-00002.jsonl",
        "heldout/part-00000.jsonl",
        "meta.json",
        "scoring/part-00000.jsonl",
        "test/part-00000.pbr",
        "train/part-00000.pbr",
        "validation/part-00000.pbr",
    ]
    splits = {split: bags(files, split) for split in ("train", "validation", "test")}
    assert splits["train"] | splits["validation"] | splits["test"] == expected_bags(small_corpus(), files)
    assert {split: len(found) for split, found in splits.items()} == {
        split: counts["documents"] for split, counts in meta["splits"].items()
    }
    for split, found in splits.items():
        assert meta["splits"][split]["tokens"] == sum(sum(bag.values()) for bag in found.values())

    words = files["auxiliary/vocab.txt"].decode().splitlines()
    assert set(words) <= {word for topic in TOPICS for word in topic}
    totals = sum(map(Counter, splits["train"].values()), Counter[str]())
    assert words == sorted(words, key=lambda word: (-totals[word], word))
    for word in words:
        assert 5 <= sum(word in bag for bag in splits["train"].values()) <= 0.5 * len(splits["train"])

    assert meta["settings"] == {**EVENT} | {
        "vocabulary_size": 5000,
        "min_document_frequency": 5,
        "max_document_share": 0.5,
        "min_word_length": 3,
        "validation_share": 0.1,
        "test_share": 0.1,
        "train_shards": 1,
    }
    assert (meta["rows"], meta["malformed_rows"], meta["malformed"], meta["documents"]) == (50, 0, {}, 50)
    assert [item["key"] for item in meta["objects"]] == ["raw/x.csv"]
    assert [record.levelname for record in caplog.records if record.name == "preprocessing"] == ["INFO"] * 3


def test_meta_is_written_last(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    write_bytes = Output.write_bytes

    def record(self: Output, name: str, content: bytes, content_type: str) -> None:
        names.append(name)
        write_bytes(self, name, content, content_type)

    monkeypatch.setattr(Output, "write_bytes", record)
    answer = run()
    assert names[-1] == "meta.json"
    assert set(names) == set(written(s3, answer))


def test_rows_that_cannot_be_used_are_reported(s3: S3Client, caplog: pytest.LogCaptureFixture) -> None:
    broken = b'a,b\n"open,title,body\n,\0,x\n,\xff,x\nnumbers,12,34\nrare,unheard,of\nstop,the,and\n'
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus() + broken)
    answer = run()
    meta = json.loads(written(s3, answer)["meta.json"])
    assert answer["documents"] == "50"
    assert meta["rows"] == 57
    assert meta["malformed_rows"] == 4
    assert meta["malformed"] == {
        "NUL byte": {"rows": 1, "first": ["raw/x.csv row 53 (line 54)"]},
        "a quote that is not closed, or not doubled inside a quoted field": {
            "rows": 1,
            "first": ["raw/x.csv row 52 (line 53)"],
        },
        "not UTF-8": {"rows": 1, "first": ["raw/x.csv row 54 (line 55)"]},
        "wrong number of fields (the header has 3)": {"rows": 1, "first": ["raw/x.csv row 51 (line 52)"]},
    }
    assert meta["empty_documents"] == 2
    assert meta["documents_without_vocabulary_words"] == 1
    assert "malformed: 1 rows: NUL byte: raw/x.csv row 53 (line 54)" in caplog.messages


def test_documents_keep_their_split_when_rows_are_added(s3: S3Client) -> None:
    before = written(s3, run())
    s3.put_object(Bucket="data", Key="raw/y.csv", Body=small_corpus(500, seed=1).replace(b"doc ", b"new "))
    after = written(s3, run(corpus_uri="s3://data/raw/"))
    for split in ("train", "validation", "test"):
        assert set(bags(before, split)) == {uid for uid in bags(after, split) if uid.startswith("doc ")}


def test_duplicates_fall_into_the_same_split(s3: S3Client) -> None:
    content = small_corpus()
    header, rows = content.split(b"\r\n", 1)
    copies = rows.replace(b"doc ", b"copy ").replace(b"The", b" THE  ")
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=header + b"\r\n" + rows + copies)
    files = written(s3, run())
    for split in ("train", "validation", "test"):
        uids = set(bags(files, split))
        assert {uid.replace("copy", "doc") for uid in uids} == {uid for uid in uids if uid.startswith("doc")}


def test_shards_are_samples_of_the_whole(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bags(written(s3, run()), "train")
    monkeypatch.setattr(preprocessing, "SHARD_DOCUMENTS", 7)
    files = written(s3, run(output_uri="s3://data/bow/2"))
    assert bags(files, "train") == whole
    shards = [read_records(files[name]) for name in sorted(files) if name.startswith("train/")]
    assert len(shards) == -(-len(whole) // 7)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    first = [int(record.uid.removeprefix("doc ")) for record in shards[0]]
    assert first[0] < 10
    assert first[-1] > 40
    # Shards are also limited in their number of entries.
    monkeypatch.setattr(preprocessing, "SHARD_ENTRIES", 20)
    files = written(s3, run(output_uri="s3://data/bow/3"))
    assert sum(name.startswith("train/") for name in files) > len(shards)


def test_there_is_a_shard_for_each_host_that_trains(s3: S3Client) -> None:
    whole = bags(written(s3, run()), "train")
    files = written(s3, run(train_shards="3"))
    assert bags(files, "train") == whole
    assert [name for name in sorted(files) if name.startswith(("train/", "test/"))] == [
        "test/part-00000.pbr",
        *(f"train/part-0000{shard}.pbr" for shard in range(3)),
    ]


def test_lines_for_batch_transform_are_the_documents(s3: S3Client) -> None:
    files = written(s3, run())
    words = files["auxiliary/vocab.txt"].decode().splitlines()
    documents = lines(files, "documents")
    assert all(line["instance"]["data"]["features"]["shape"] == [len(words)] for line in documents)
    found = {line["id"]: {words[key]: count for key, count in counts(line).items()} for line in documents}
    assert found == bags(files, "train") | bags(files, "validation") | bags(files, "test")


def test_test_documents_are_written_in_reading_order(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    long = f"oven \u2028 \N{GRINNING FACE} flour, {'goal keeper ' * 60}</script>"
    extra = "".join(f'long {number},"{number}","{long}"\r\n' for number in range(60))
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus() + extra.encode())
    in_memory = written(s3, run(max_document_share=1))
    # Beyond a limit they are spooled to disk.
    monkeypatch.setattr("write.heldout._MEMORY", 1)
    monkeypatch.setattr(preprocessing, "SHARD_DOCUMENTS", 3)
    files = written(s3, run(output_uri="s3://data/elsewhere", max_document_share=1))
    assert sorted(lines(files, "heldout"), key=str) == sorted(lines(in_memory, "heldout"), key=str)

    words = files["auxiliary/vocab.txt"].decode().splitlines()
    held_out = lines(files, "heldout")
    expected = bags(files, "test")
    assert {line["id"]: Counter(words[word] for word in line["words"]) for line in held_out} == expected
    quoted = next(line for line in held_out if line["id"].startswith("long "))
    assert quoted["text"] == f"{quoted['id'].split()[1]}\n{long}"[:600]
    told = [words[word] for word in quoted["words"]]
    assert told == [word for word in re.findall("[a-z]+", long) if word in words]


def test_each_test_document_is_scored_whole_and_by_half_of_its_words(s3: S3Client) -> None:
    rows = "".join(f"one {number},{number} striker,\r\n" for number in range(40))
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus() + rows.encode())
    files = written(s3, run(max_document_share=1))
    scoring = {line["id"]: counts(line) for line in lines(files, "scoring")}
    held_out = lines(files, "heldout")
    assert any(len(line["words"]) == 1 for line in held_out)
    expected = {}
    for row, line in enumerate(held_out):
        expected[f"{row}/all"] = Counter(line["words"])
        if len(line["words"]) > 1:
            expected[f"{row}/observed"] = Counter(line["words"][::2])
    assert scoring == expected


def test_same_corpus_and_settings_have_the_same_name(s3: S3Client) -> None:
    first = run()
    assert run() == first
    assert first["train_uri"].split("/")[4] == run(output_uri="s3://data/elsewhere/")["train_uri"].split("/")[4]
    other_settings = run(min_word_length=4)
    assert other_settings["train_uri"] != first["train_uri"]
    assert other_settings["corpus_version"] == first["corpus_version"]
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=small_corpus(51))
    other_bytes = run()
    assert other_bytes["train_uri"] != first["train_uri"]
    assert other_bytes["corpus_version"] != first["corpus_version"]
    # Earlier output is kept.
    assert json.loads(written(s3, first)["meta.json"])["documents"] == 50


def test_stop_words_and_word_length(s3: S3Client) -> None:
    rows = "\n".join(f"{n},,the ox and the {'cat' if n % 3 else 'doggo'} won't {n}" for n in range(90))
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=f"id,title,body\n{rows}".encode())

    def vocabulary(**changes: object) -> list[str]:
        answer = run(**changes, max_document_share=1)
        return written(s3, answer)["auxiliary/vocab.txt"].decode().splitlines()

    assert vocabulary() == ["cat", "doggo"]
    assert vocabulary(stop_words="none") == ["the", "and", "won't", "cat", "doggo"]
    assert vocabulary(min_word_length=2) == ["ox", "cat", "doggo"]
    assert vocabulary(min_word_length=4) == ["doggo"]
    assert vocabulary(vocabulary_size=2, stop_words="none", min_word_length=1) == ["the", "and"]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"", {}, r"s3://data/raw/x\.csv has no rows"),
        (b"id,title,body\n", {}, r"s3://data/raw/x\.csv has no rows"),
        (b"id,title\n1,a\n", {}, "no column 'body'; its header is 'id', 'title'"),
        (b"id,title,body\n1,a\n2\n", {}, r"None of the 2 rows .* wrong number of fields .*: 2 rows \(raw/x\.csv row 1"),
        (b"id,title,body\n1,,\n2,12,to be\n", {}, "None of the 2 documents .* min_word_length = 3 .* stop words"),
        (small_corpus(9), {}, "vocabulary is empty: .* min_document_frequency = 5"),
        (
            small_corpus(9),
            {"min_document_frequency": 1, "test_share": 0.001},
            r"test split is empty \(documents: train .*_share = 0.001 is too",
        ),
        (small_corpus(), {"vocabulary_size": 0}, "vocabulary_size is 0: it must be an integer from 2"),
        (small_corpus(), {"colour": "red"}, "unknown key colour"),
    ],
)
def test_corpus_with_nothing_usable_fails_with_the_reason_and_writes_nothing(
    s3: S3Client, content: bytes, changes: dict[str, object], message: str
) -> None:
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=content)
    with pytest.raises(CorpusError, match=message):
        run(**changes)
    assert objects(s3, "bow/") == {}


_RUN = f"""
import hashlib, sys
import boto3
from moto import mock_aws
sys.path.insert(0, {str(FUNCTION)!r})
from handler import handler
with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=sys.stdin.buffer.read())
    handler({EVENT!r}, None)
    for item in s3.list_objects_v2(Bucket="data", Prefix="bow/")["Contents"]:
        content = s3.get_object(Bucket="data", Key=item["Key"])["Body"].read()
        print(item["Key"], hashlib.sha256(content).hexdigest())
"""


def test_bytes_do_not_depend_on_the_process(s3: S3Client) -> None:
    content = small_corpus(400) + b"bad\n1,2\n,\0,\n"
    s3.put_object(Bucket="data", Key="raw/x.csv", Body=content)
    run()
    here = {name: hashlib.sha256(body).hexdigest() for name, body in objects(s3, "").items()}
    del here["raw/x.csv"]
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", _RUN],
            input=content,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.decode()
        assert dict(line.split(" ") for line in there.splitlines()) == here


def test_standard_library_suffices_until_s3_is_needed() -> None:
    for path in FUNCTION.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            assert "boto3" not in ast.dump(node) or not isinstance(node, ast.Import | ast.ImportFrom), path
    modules = sorted(path for path in FUNCTION.rglob("*.py") if path.name != "__init__.py")
    imports = "; ".join(f"import {'.'.join(path.relative_to(FUNCTION).with_suffix('').parts)}" for path in modules)
    # -S disables site-packages.
    subprocess.run(
        [sys.executable, "-S", "-c", imports], check=True, cwd=FUNCTION, env={"PYTHONDONTWRITEBYTECODE": "1"}
    )


def test_demo_corpus(s3: S3Client, tmp_path: Path) -> None:
    documents = write_demo_corpus(tmp_path / "demo.csv")
    s3.upload_file(str(tmp_path / "demo.csv"), "data", "raw/demo.csv")
    answer = run(corpus_uri="s3://data/raw/demo.csv", text_columns="text")
    files = written(s3, answer)
    meta = json.loads(files["meta.json"])

    assert meta["rows"] == documents
    assert (meta["malformed_rows"], meta["rows_without_id"]) == (0, 0)
    assert documents - 10 < int(answer["documents"]) <= documents
    assert 0.08 * documents < int(answer["test_documents"]) < 0.12 * documents
    assert meta["splits"]["train"]["shards"] == 2
    words = files["auxiliary/vocab.txt"].decode().splitlines()
    assert 2000 < len(words) == int(answer["feature_dim"]) <= 5000
    assert {"bucket", "policy", "cluster", "certificate"} <= set(words)
    assert not ENGLISH & set(words)
    records = read_records(files["validation/part-00000.pbr"])
    assert len(records) == int(answer["validation_documents"])
    assert all(re.fullmatch(r"[\w-]+\.\w+", record.uid) for record in records)
