"""From a corpus in S3 to bags of words in S3."""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Mapping
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING

import tokenizer
from corpus import Corpus
from documents import Documents, WordNumbers
from errors import CorpusError
from output import Output
from recordio import RecordEncoder
from settings import Settings
from split import SPLITS, Split, splitter
from stop_words import ENGLISH
from vocabulary import Vocabulary, choose_vocabulary

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

SHARD_DOCUMENTS = 10_000
"""A shard holds at most so many documents; several are needed to train on several hosts (``ShardedByS3Key``)."""

SHARD_ENTRIES = 6_000_000
"""A shard holds about so many entries (a word in a document) at most: some 40 MB."""


def preprocess(settings: Settings, s3: S3Client) -> dict[str, str]:
    """Read a corpus, write its bags of words, and return how many there are and where.

    Below ``settings.output_uri`` are written ``<split>/part-00000.pbr`` ... (sparse RecordIO-protobuf, ``feature_dim``
    features), ``auxiliary/vocab.txt`` (a word a line; the line's number, from 0, is its id),
    ``auxiliary/tokenizer.json`` and, last, ``meta.json``. Nothing is written before all is known to be usable. The
    same corpus and settings give the same bytes.

    Raises:
        CorpusError: when nothing usable can be made of the corpus.
    """
    corpus = Corpus(s3, settings.corpus_uri, settings.text_columns, settings.id_column)
    numbers = WordNumbers(
        min_length=settings.min_word_length, ignored=ENGLISH if settings.stop_words == "english" else ()
    )
    documents, empty = _read(corpus, numbers, settings)
    vocabulary = choose_vocabulary(
        numbers,
        documents["train"],
        size=settings.vocabulary_size,
        min_document_frequency=settings.min_document_frequency,
        max_document_share=settings.max_document_share,
    )
    kept = {split: vocabulary.documents_inside(documents[split]) for split in SPLITS}
    logger.info("vocabulary: %d of %d distinct words", len(vocabulary.words), numbers.next_number - 1)
    _check_splits(kept, settings)

    output = Output(s3, settings.output_uri)
    shards = {split: _shards(kept[split], documents[split]) for split in SPLITS}
    tokens = {split: _write_split(output, split, shards[split], documents[split], vocabulary) for split in SPLITS}
    output.write_text("auxiliary/vocab.txt", "".join([f"{word}\n" for word in vocabulary.words]))
    output.write_json("auxiliary/tokenizer.json", tokenizer.DESCRIPTION)
    in_splits = {
        split: {"documents": len(kept[split]), "tokens": tokens[split], "shards": len(shards[split])}
        for split in SPLITS
    }
    kept_documents = sum(map(len, kept.values()))
    report = corpus.report
    output.write_json(
        "meta.json",
        {
            "settings": settings.as_event(),
            "objects": [asdict(item) for item in corpus.objects],
            "rows": report.rows,
            "rows_without_id": report.without_id,
            "malformed_rows": report.malformed_rows,
            "malformed": {reason: asdict(malformed) for reason, malformed in sorted(report.malformed.items())},
            "empty_documents": empty,
            "documents_without_vocabulary_words": sum(map(len, documents.values())) - kept_documents,
            "documents": kept_documents,
            "splits": in_splits,
            "distinct_words": numbers.next_number - 1,
            "feature_dim": len(vocabulary.words),
        },
    )
    logger.info("wrote %s: %s", settings.output_uri, json.dumps(in_splits))
    return {
        "feature_dim": str(len(vocabulary.words)),
        "documents": str(kept_documents),
        **{f"{split}_documents": str(len(kept[split])) for split in SPLITS},
        **{f"{name}_uri": str(settings.output_uri / name) for name in (*SPLITS, "auxiliary")},
        "meta_uri": str(settings.output_uri / "meta.json"),
    }


def _read(corpus: Corpus, numbers: WordNumbers, settings: Settings) -> tuple[dict[Split, Documents], int]:
    """Return the documents of each split that hold a word, and how many documents hold none."""
    documents: dict[Split, Documents] = {split: Documents() for split in SPLITS}
    split_of = splitter(validation_share=settings.validation_share, test_share=settings.test_share)
    empty = 0
    for uid, text in corpus.documents():
        normalized = tokenizer.normalize(text)
        bag = numbers.bag(tokenizer.find_words(normalized))
        if bag:
            documents[split_of(normalized)].append(uid, bag)
        else:
            empty += 1
        numbers.check_size()

    report = corpus.report
    logger.info(
        "read %s: %d objects, %d rows, %d malformed, %d without a word",
        corpus.uri, len(corpus.objects), report.rows, report.malformed_rows, empty,
    )  # fmt: skip
    for reason, malformed in sorted(report.malformed.items()):
        logger.warning("malformed: %d rows: %s: %s", malformed.rows, reason, ", ".join(malformed.first))
    if report.without_id and settings.id_column:
        logger.warning("%d rows have no %r: their place is their id", report.without_id, settings.id_column)
    if not report.rows:
        raise CorpusError(f"{corpus.uri} holds no rows ({len(corpus.objects)} objects read): give another corpus_uri.")
    if report.malformed_rows == report.rows:
        reasons = "; ".join(
            f"{reason}: {malformed.rows:,} rows ({', '.join(malformed.first)})"
            for reason, malformed in sorted(report.malformed.items())
        )
        raise CorpusError(f"None of the {report.rows:,} rows of {corpus.uri} is usable. {reasons}.")
    if not any(documents.values()):
        raise CorpusError(
            f"None of the {empty:,} documents of {corpus.uri} holds a word: of the columns "
            f"{', '.join(settings.text_columns)} only words of min_word_length = {settings.min_word_length} letters or "
            f"more count, without the stop words ({settings.stop_words}). Change text_columns or these settings."
        )
    return documents, empty


def _check_splits(kept: Mapping[Split, array[int]], settings: Settings) -> None:
    counts = ", ".join(f"{split} {len(kept[split]):,}" for split in SPLITS)
    shares: dict[Split, float] = {"validation": settings.validation_share, "test": settings.test_share}
    for split, share in shares.items():
        if not kept[split]:
            raise CorpusError(
                f"The {split} split is empty (documents: {counts}): {split}_share = {share:g} is too little for so few "
                "documents. Raise it in environments/<environment>.yaml, or give more documents."
            )


def _shards(kept: array[int], documents: Documents) -> list[array[int]]:
    """Deal the documents out to shards, so that each is a sample of the whole even when the corpus is sorted."""
    count = max(ceil(len(kept) / SHARD_DOCUMENTS), ceil(len(documents.numbers) / SHARD_ENTRIES))
    return [kept[shard::count] for shard in range(min(count, len(kept)))]


def _write_split(
    output: Output, split: Split, shards: list[array[int]], documents: Documents, vocabulary: Vocabulary
) -> int:
    """Write a split's documents and return how many words of the vocabulary are in them."""
    encoder = RecordEncoder(len(vocabulary.words))
    tokens = 0
    for number, shard in enumerate(shards):
        records = []
        for document in shard:
            bag = vocabulary.bag(documents, document)
            tokens += sum([count for _, count in bag])
            records.append(encoder.encode(bag, documents.uid(document)))
        output.write_bytes(f"{split}/part-{number:05d}.pbr", b"".join(records), "application/x-recordio-protobuf")
    return tokens
