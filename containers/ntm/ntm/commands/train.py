"""The ``ntm train`` command."""

import dataclasses
import inspect
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ntm.artifacts.artifacts import Auxiliary, write_model
from ntm.artifacts.model_directory import check_free, new_model
from ntm.commands.console import console_of
from ntm.common.errors import InputError
from ntm.common.hyperparameters import RECOMMENDED, Hyperparameters
from ntm.data.corpus import Corpus
from ntm.data.documents import CONTENT_TYPES_HELP, STDIN, Documents
from ntm.data.text import Tokenizer
from ntm.data.vocabulary import VocabularySettings, choose_vocabulary, default_tokenizer, english_stop_words
from ntm.network.inference import Array
from ntm.topics.word_vectors import with_wetc
from ntm.training import progress

_DOCUMENTS_HELP = "a .txt, .csv or .pbr file, or a folder of such files"


class StopWords(StrEnum):
    """Lists of stop words."""

    ENGLISH = "english"
    NONE = "none"


def _with_hyperparameters(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's ``**hyperparameters`` by one option per hyperparameter."""
    signature = inspect.signature(command)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [_option(item) for item in dataclasses.fields(Hyperparameters) if item.name != "feature_dim"]
    command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return command


def _option(field: "dataclasses.Field[Any]") -> inspect.Parameter:
    required, default = field.default is dataclasses.MISSING, _default(RECOMMENDED.get(field.name, field.default))
    meaning, allowed = field.metadata["meaning"], field.metadata["kind"].allowed
    option = typer.Option(
        f"--{field.name.replace('_', '-')}",
        help=f"{meaning[0].upper()}{meaning[1:]}: {allowed}" + ("." if required else f"; default {default}."),
        metavar="VALUE",
        show_default=False,
        rich_help_panel="Hyperparameters: SageMaker NTM's, objective and seed",
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[str if required else str | None, option],
    )


def _default(value: object) -> str:
    return "auto" if value is None else str(value).lower()


@_with_hyperparameters
def train(
    *,
    train: Annotated[
        Path,
        typer.Option(metavar="PATH", help=f"Training documents: {_DOCUMENTS_HELP}."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory to write the model to.")],
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Documents for early stopping and picking the best epoch.",
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Held-out documents; their loss is reported at the end."),
    ] = None,
    content_type: Annotated[str | None, typer.Option(metavar="TYPE", help=CONTENT_TYPES_HELP)] = None,
    vocab: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Vocabulary, one word per line in the order of the word ids. Built from the text if omitted.",
        ),
    ] = None,
    feature_dim: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Vocabulary size of word counts without --vocab.")
    ] = None,
    word_vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Word vectors in GloVe's text format, to measure WETC coherence.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in --out.")] = False,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A tokenizer.json to use instead of the default tokenizer.",
            rich_help_panel="Text",
        ),
    ] = None,
    vocabulary_size: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Keep at most N words, the most frequent ones.", rich_help_panel="Text"),
    ] = VocabularySettings.size,
    min_document_frequency: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Ignore words that occur in fewer than N documents.", rich_help_panel="Text"
        ),
    ] = VocabularySettings.min_document_frequency,
    max_document_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Ignore words that occur in a larger share of the documents, from 0 to 1.",
            rich_help_panel="Text",
        ),
    ] = VocabularySettings.max_document_share,
    min_word_length: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Ignore words of fewer than N characters.", rich_help_panel="Text"),
    ] = VocabularySettings.min_word_length,
    stop_words: Annotated[
        StopWords, typer.Option(help="List of words to ignore.", rich_help_panel="Text")
    ] = StopWords.ENGLISH,
    **hyperparameters: str | None,
) -> None:
    """Learn topics from documents.

    Text (.txt, UTF-8) has one document per line; the vocabulary is built from
    it. CSV and RecordIO-protobuf files hold word counts, as SageMaker's NTM
    reads them: one document per row, one column per word. They need --vocab or
    --feature-dim. To train on a text column of a CSV file, write it to a .txt
    file first.

    Examples:
      ntm train --train docs.txt --num-topics 20 --out model/
      ntm train --train counts.csv --vocab vocab.txt --num-topics 20 --out model/
    """
    check_free(out, force)
    if STDIN in (train, validation, test):
        raise InputError("Training reads its documents twice and cannot use stdin (-). Pass a file.")
    found = {
        name: Documents(path, content_type)
        for name, path in (("train", train), ("validation", validation), ("test", test))
        if path is not None
    }
    auxiliary = Auxiliary(_content(vocab), _content(tokenizer))
    if found["train"].is_text:
        ignored = english_stop_words() if stop_words is StopWords.ENGLISH else ()
        settings = VocabularySettings(
            size=vocabulary_size,
            min_document_frequency=min_document_frequency,
            max_document_share=max_document_share,
            min_word_length=min_word_length,
            stop_words=ignored,
        )
        auxiliary = _complete(auxiliary, found["train"], settings)
    if auxiliary.vocabulary is not None and feature_dim is None:
        feature_dim = auxiliary.vocabulary.removesuffix(b"\n").count(b"\n") + 1
    if feature_dim is None:
        raise InputError(
            f"{train} is read as word counts ({found['train'].content_type}): one document per row, one column per "
            "word. Pass --vocab or --feature-dim for word counts. To train on text, pass a .txt file with one document "
            "per line."
        )
    given = {name: value for name, value in hyperparameters.items() if value is not None}
    parsed = Hyperparameters.parse({"feature_dim": feature_dim, **RECOMMENDED, **given})
    vectors = None if word_vectors is None else auxiliary.word_vectors(word_vectors, parsed.feature_dim)
    _learn(found, auxiliary, parsed, vectors, out, force)


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _complete(auxiliary: Auxiliary, documents: Documents, settings: VocabularySettings) -> Auxiliary:
    """Return the tokenizer and the vocabulary for text, filling in those that the user did not pass."""
    tokenizer = auxiliary.tokenizer or default_tokenizer()
    vocabulary = auxiliary.vocabulary
    if vocabulary is None:
        words = choose_vocabulary(documents.texts(), Tokenizer.parse(tokenizer), settings)
        vocabulary = "".join(f"{word}\n" for word in words).encode()
    return Auxiliary(vocabulary, tokenizer)


def _learn(
    found: dict[str, Documents],
    auxiliary: Auxiliary,
    hyperparameters: Hyperparameters,
    vectors: Array | None,
    out: Path,
    force: bool,
) -> None:
    """Train a model and write it to a directory."""
    words, reader = auxiliary.words(hyperparameters.feature_dim), auxiliary.text_reader(hyperparameters.feature_dim)
    console = console_of(sys.stderr)
    corpora = {}
    for name, documents in found.items():
        corpora[name] = Corpus(documents.bags(hyperparameters.feature_dim, reader), hyperparameters.feature_dim)
        console.print(f"{name}: {len(corpora[name]):,} documents, {corpora[name].dropped:,} empty ones skipped")
        if not len(corpora[name]):
            raise InputError(f"No document of --{name} contains a word of the vocabulary.")

    # Imported after the checks, as it takes seconds.
    from ntm.training.trainer import Trainer

    corpus = corpora["train"]
    with progress.shown_on(console) as observe:
        trainer = Trainer(corpus, hyperparameters, observe=observe)
        trained = trainer.run(corpora.get("validation"))
    topics = trained.topics if vectors is None else with_wetc(trained.topics, vectors)
    facts: dict[str, object] = {"documents": len(corpus), "epoch": trained.epoch, "epochs": trained.epochs}
    with new_model(out, force) as directory:
        write_model(directory, trained.model, topics, auxiliary, hyperparameters, facts)
    if "test" in corpora:
        console.print(f"Test loss: {trainer.evaluate(corpora['test']).total:.4f} nats per word")
    console.print(
        f"Wrote {out}: {len(topics.share)} topics over {len(words):,} words, mean NPMI {topics.npmi.mean():.3f}, "
        f"mean uniqueness {topics.uniqueness.mean():.2f}. Show them: ntm topics {out}",
        soft_wrap=True,
    )
