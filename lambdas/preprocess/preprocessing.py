"""Conversion of a corpus in S3 to bags of words."""

from __future__ import annotations

import json
import logging
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING

from common.errors import CorpusError
from common.settings import Settings
from read.corpus import Corpus
from split import SPLITS, Split, splitter
from words import tokenizer
from words.documents import Documents, WordNumbers
from words.stop_words import ENGLISH
from words.vocabulary import Vocabulary, choose_vocabulary
from words.word_vectors import read_word_vectors
from write import json_lines
from write.digests import corpus_version, output_digest
from write.heldout import HeldOut
from write.output import JSON_LINES, RECORDIO, TEXT, Output
from write.recordio import RecordEncoder
from write.registry_value import registry_value

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

SHARD_DOCUMENTS = 10_000
"""Maximum number of documents in a shard; training on several hosts needs several shards (``ShardedByS3Key``)."""

SHARD_ENTRIES = 6_000_000
"""Approximate maximum number of entries (a word in a document) in a shard, about 40 MB."""


def preprocess(settings: Settings, s3: S3Client) -> dict[str, str]:
    """Convert a corpus to bags of words and return their counts and locations.

    The output is written to a folder below ``settings.output_uri`` that is named by a digest of corpus and settings:

    - ``<split>/part-00000.pbr`` ... (sparse RecordIO-protobuf, ``feature_dim`` features),
    - ``documents/part-00000.jsonl`` ..., the documents of all splits for batch transform,
    - ``heldout/part-00000.jsonl`` ..., the test documents with an excerpt of their text and their words in reading
      order,
    - ``scoring/part-00000.jsonl`` ..., the test documents for batch transform: each whole (``<row>/all``) and, if it
      has two or more words, every other word starting with the first (``<row>/observed``); rows are numbered from 0 in
      the order of ``heldout``,
    - ``auxiliary/vocab.txt`` (a word per line; the line number, from 0, is its ID), ``auxiliary/tokenizer.json``,
    - ``auxiliary/vectors.txt``, the word vectors of the vocabulary, if any,
    - ``meta.json``, written last.

    Nothing is written before all input is validated. The same corpus and settings produce the same bytes under the same
    names, which lets SageMaker cache the steps that read them.

    Raises:
        CorpusError: The corpus is unusable.
    """
    corpus = Corpus(s3, settings.corpus_uri, settings.text_columns, settings.id_column)
    numbers = WordNumbers(
        min_length=settings.min_word_length, ignored=ENGLISH if settings.stop_words == "english" else ()
    )
    documents, held_out, empty = _read(corpus, numbers, settings)
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

    uri = settings.word_vectors_uri
    vectors = None if uri is None else read_word_vectors(s3, uri, vocabulary.words)
    version = corpus_version(corpus.objects)
    versions = [version] if vectors is None else [version, vectors.version]
    output_uri = settings.output_uri / output_digest(settings, *versions)
    output = Output(s3, output_uri)
    shards: dict[Split, list[array[int]]] = {
        split: _shards(kept[split], documents[split], settings.train_shards if split == "train" else 1)
        for split in SPLITS
    }
    tokens: dict[Split, int] = {}
    parts = 0
    for split in SPLITS:
        tokens[split] = _write_split(output, split, shards[split], documents[split], vocabulary, parts)
        parts += len(shards[split])
    _write_held_out(output, shards["test"], documents["test"], held_out, vocabulary)
    output.write_text("auxiliary/vocab.txt", "".join([f"{word}\n" for word in vocabulary.words]))
    output.write_json("auxiliary/tokenizer.json", tokenizer.DESCRIPTION)
    if vectors is not None:
        output.write_bytes("auxiliary/vectors.txt", vectors.content, TEXT)
        logger.info("word vectors: %d of %d words have one", len(vectors.lines), len(vocabulary.words))
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
            "corpus_version": version,
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
            **({} if vectors is None else {"words_with_vectors": len(vectors.lines)}),
        },
    )
    logger.info("wrote %s: %s", output_uri, json.dumps(in_splits))
    return {
        "feature_dim": str(len(vocabulary.words)),
        "documents": str(kept_documents),
        **{f"{split}_documents": str(len(kept[split])) for split in SPLITS},
        "corpus": registry_value(str(settings.corpus_uri)),
        "corpus_version": version,
        **{f"{name}_uri": str(output_uri / name) for name in (*SPLITS, "auxiliary", "documents", "heldout", "scoring")},
        "meta_uri": str(output_uri / "meta.json"),
    }


def _read(corpus: Corpus, numbers: WordNumbers, settings: Settings) -> tuple[dict[Split, Documents], HeldOut, int]:
    """Return the non-empty documents of each split, the held-out texts, and the number of empty documents."""
    documents: dict[Split, Documents] = {split: Documents() for split in SPLITS}
    held_out = HeldOut()
    split_of = splitter(validation_share=settings.validation_share, test_share=settings.test_share)
    empty = 0
    for uid, text in corpus.documents():
        normalized = tokenizer.normalize(text)
        words = tokenizer.find_words(normalized)
        bag = numbers.bag(words)
        if bag:
            split = split_of(normalized)
            documents[split].append(uid, bag)
            if split == "test":
                held_out.append(text, map(numbers.__getitem__, words))
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
        logger.warning("%d rows have no %r; their position is used as ID", report.without_id, settings.id_column)
    if not report.rows:
        raise CorpusError(f"{corpus.uri} has no rows ({len(corpus.objects)} objects read). Change corpus_uri.")
    if report.malformed_rows == report.rows:
        reasons = "; ".join(
            f"{reason}: {malformed.rows:,} rows ({', '.join(malformed.first)})"
            for reason, malformed in sorted(report.malformed.items())
        )
        raise CorpusError(f"None of the {report.rows:,} rows of {corpus.uri} is usable. {reasons}.")
    if not any(documents.values()):
        raise CorpusError(
            f"None of the {empty:,} documents of {corpus.uri} has a usable word in the columns "
            f"{', '.join(settings.text_columns)}: words need at least min_word_length = {settings.min_word_length} "
            f"letters and must not be stop words ({settings.stop_words}). Change text_columns or these settings."
        )
    return documents, held_out, empty


def _check_splits(kept: Mapping[Split, array[int]], settings: Settings) -> None:
    counts = ", ".join(f"{split} {len(kept[split]):,}" for split in SPLITS)
    shares: dict[Split, float] = {"validation": settings.validation_share, "test": settings.test_share}
    for split, share in shares.items():
        if not kept[split]:
            raise CorpusError(
                f"The {split} split is empty (documents: {counts}): {split}_share = {share:g} is too small for so few "
                "documents. Increase it in environments/<environment>.yaml, or use more documents."
            )


def _shards(kept: array[int], documents: Documents, at_least: int) -> list[array[int]]:
    """Distribute the documents over the shards in turn, which makes each a sample even of a sorted corpus."""
    count = max(at_least, ceil(len(kept) / SHARD_DOCUMENTS), ceil(len(documents.numbers) / SHARD_ENTRIES))
    return [kept[shard::count] for shard in range(min(count, len(kept)))]


def _write_split(
    output: Output,
    split: Split,
    shards: Sequence[array[int]],
    documents: Documents,
    vocabulary: Vocabulary,
    first_part: int,
) -> int:
    """Write the documents of a split and return the number of vocabulary words in them.

    Args:
        output: Destination.
        split: Name of the split.
        shards: Document indices of each shard.
        documents: Documents of the split.
        vocabulary: Vocabulary.
        first_part: Number of the first object below ``documents/``, which contains the documents of all splits.
    """
    feature_dim = len(vocabulary.words)
    encoder = RecordEncoder(feature_dim)
    tokens = 0
    for number, shard in enumerate(shards):
        records, lines = [], []
        for document in shard:
            bag = vocabulary.bag(documents, document)
            uid = documents.uid(document)
            tokens += sum([count for _, count in bag])
            records.append(encoder.encode(bag, uid))
            lines.append(json_lines.instance(uid.decode(), bag, feature_dim))
        output.write_bytes(f"{split}/part-{number:05d}.pbr", b"".join(records), RECORDIO)
        output.write_bytes(f"documents/part-{first_part + number:05d}.jsonl", "".join(lines).encode(), JSON_LINES)
    return tokens


def _write_held_out(
    output: Output, shards: Sequence[array[int]], documents: Documents, held_out: HeldOut, vocabulary: Vocabulary
) -> None:
    """Write the test documents in the formats that the evaluation reads; see ``preprocess``."""
    feature_dim = len(vocabulary.words)
    row = 0
    for number, shard in enumerate(shards):
        texts, halves = [], []
        for document in shard:
            words = vocabulary.ids(held_out.numbers(document))
            texts.append(json_lines.held_out(documents.uid(document).decode(), held_out.text(document), words))
            halves.append(json_lines.instance(f"{row}/all", sorted(Counter(words).items()), feature_dim))
            if len(words) > 1:
                observed = sorted(Counter(words[::2]).items())
                halves.append(json_lines.instance(f"{row}/observed", observed, feature_dim))
            row += 1
        output.write_bytes(f"heldout/part-{number:05d}.jsonl", "".join(texts).encode(), JSON_LINES)
        output.write_bytes(f"scoring/part-{number:05d}.jsonl", "".join(halves).encode(), JSON_LINES)
