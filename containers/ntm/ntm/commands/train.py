"""``ntm train``: from files of documents to a model directory."""

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


class StopWords(StrEnum):
    """The lists of words that do not count."""

    ENGLISH = "english"
    NONE = "none"


def _with_hyperparameters(command: Callable[..., None]) -> Callable[..., None]:
    """Put an option for each hyperparameter in the place of the command's ``**hyperparameters``."""
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
        rich_help_panel="Hyperparameters: those of SageMaker's NTM, objective and seed",
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
    train: Annotated[Path, typer.Option(help="The documents: a file or a folder of .txt, .pbr or .csv.")],
    out: Annotated[Path, typer.Option(help="The directory to write the model to.")],
    validation: Annotated[
        Path | None, typer.Option(help="Documents that decide when to stop, and which epoch was best.")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Documents whose loss is told at the end.")] = None,
    content_type: Annotated[str | None, typer.Option(metavar="TYPE", help=CONTENT_TYPES_HELP)] = None,
    vocab: Annotated[
        Path | None, typer.Option(help="The words, one a line; the line's number is the id. Texts need none.")
    ] = None,
    feature_dim: Annotated[
        int | None, typer.Option(min=1, help="The number of words, where there is no vocabulary.")
    ] = None,
    word_vectors: Annotated[
        Path | None, typer.Option(help="Word vectors in GloVe's text format: topics get a WETC, too.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is in --out.")] = False,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json, in the place of ntm's.", rich_help_panel="Texts")
    ] = None,
    vocabulary_size: Annotated[
        int, typer.Option(min=1, help="At most so many words, the most frequent.", rich_help_panel="Texts")
    ] = VocabularySettings.size,
    min_document_frequency: Annotated[
        int, typer.Option(min=1, help="A word is in so many documents or more.", rich_help_panel="Texts")
    ] = VocabularySettings.min_document_frequency,
    max_document_share: Annotated[
        float, typer.Option(min=0, max=1, help="A word is in no more of the documents.", rich_help_panel="Texts")
    ] = VocabularySettings.max_document_share,
    min_word_length: Annotated[
        int, typer.Option(min=1, help="A word has so many letters or more.", rich_help_panel="Texts")
    ] = VocabularySettings.min_word_length,
    stop_words: Annotated[
        StopWords, typer.Option(help="Words that do not count.", rich_help_panel="Texts")
    ] = StopWords.ENGLISH,
    **hyperparameters: str | None,
) -> None:
    """Learn topics from documents.

    Texts (.txt, UTF-8, a document a line) need nothing else. Word counts
    (RecordIO-protobuf or CSV, as SageMaker's NTM reads them) need --vocab
    or --feature-dim.

    Example:
      ntm train --train docs.txt --num-topics 20 --out model/
    """
    check_free(out, force)
    if STDIN in (train, validation, test):
        raise InputError("- is stdin, and stdin cannot be trained on, as texts are read twice: give a file.")
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
        raise InputError("The number of words is not known: give the vocabulary (--vocab), or --feature-dim.")
    given = {name: value for name, value in hyperparameters.items() if value is not None}
    parsed = Hyperparameters.parse({"feature_dim": feature_dim, **RECOMMENDED, **given})
    vectors = None if word_vectors is None else auxiliary.word_vectors(word_vectors, parsed.feature_dim)
    _learn(found, auxiliary, parsed, vectors, out, force)


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _complete(auxiliary: Auxiliary, documents: Documents, settings: VocabularySettings) -> Auxiliary:
    """Return the tokenizer and the vocabulary of texts, the user's own or made for them."""
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
    """Train on documents and write the model."""
    words, reader = auxiliary.words(hyperparameters.feature_dim), auxiliary.text_reader(hyperparameters.feature_dim)
    console = console_of(sys.stderr)
    corpora = {}
    for name, documents in found.items():
        corpora[name] = Corpus(documents.bags(hyperparameters.feature_dim, reader), hyperparameters.feature_dim)
        console.print(f"{name}: {len(corpora[name]):,} documents, and {corpora[name].dropped:,} without a word")
        if not len(corpora[name]):
            raise InputError(f"No document of --{name} has a word of the vocabulary.")

    # After what can go wrong at once, as it takes seconds.
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
        console.print(f"Test loss: {trainer.evaluate(corpora['test']).total:.4f} nats a word")
    console.print(
        f"Wrote {out}: {len(topics.share)} topics over {len(words):,} words, mean NPMI {topics.npmi.mean():.3f}, "
        f"mean uniqueness {topics.uniqueness.mean():.2f}. See them: ntm topics {out}",
        soft_wrap=True,
    )
