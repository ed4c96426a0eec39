import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ntm.common.errors import InputError
from ntm.data.corpus import Corpus
from ntm.evaluation.baseline import Lda
from ntm.evaluation.heldout import HeldOut
from ntm.evaluation.metrics import measure
from ntm.evaluation.models import BuiltInTopics, OurModel, ScoredModel
from ntm.network.inference import Layer
from tests.containers.ntm import jobs, planted
from tests.containers.ntm.evaluation import inputs
from tests.containers.ntm.evaluation.mxnet import saved


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    inputs.lay_out(base, inputs.held_out(2))
    return base / "unpacked"


def test_words_are_the_listed_ones_and_then_the_most_probable(directory: Path, tmp_path: Path) -> None:
    model = OurModel.read(directory, jobs.VOCABULARY)
    assert model.words(20).tolist() == model.listed.tolist()
    words = model.words(25)
    assert all(len(set(row)) == 25 for row in words.tolist())
    # Common words follow a topic's own words.
    assert (words[:, 20:] >= inputs.WORDS).all()
    assert model.words(1000).shape == (planted.TOPICS, planted.FEATURE_DIM)
    assert model.word_probabilities().sum(axis=1).tolist() == pytest.approx([1] * planted.TOPICS, rel=1e-5)


def test_probabilities_of_a_single_topic_are_the_decoders(directory: Path) -> None:
    model = OurModel.read(directory, jobs.VOCABULARY)
    alone = model.log_word_probabilities(np.eye(planted.TOPICS, dtype=np.float32))
    np.testing.assert_allclose(np.exp(alone), model.word_probabilities(), rtol=1e-4)


def test_a_model_and_its_vocabulary_must_match(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The model has 120 words, but vocab\.txt"):
        OurModel.read(directory, jobs.VOCABULARY[1:])
    with pytest.raises(InputError, match=r"topics\.json in the model archive is invalid: KeyError\('a0'\)"):
        OurModel.read(directory, ["x", *jobs.VOCABULARY[1:]])
    with pytest.raises(InputError, match="There is no usable model in"):
        OurModel.read(tmp_path, jobs.VOCABULARY)


def test_the_baseline_finds_planted_topics_and_is_the_same_each_time() -> None:
    corpus = Corpus.of(planted.corpus(400, 0)[0])
    lda = Lda.train(corpus, planted.TOPICS, iterations=60)
    again = Lda.train(corpus, planted.TOPICS, iterations=60)
    assert (lda.topics == again.topics).all()
    assert (lda.documents, lda.iterations) == (400, 60)
    assert lda.name.startswith("tomotopy LDA ")
    own = lda.words(10) // planted.WORDS
    assert sorted({tuple(set(row)) for row in own.tolist()}) == [(topic,) for topic in range(planted.TOPICS)]
    topics = planted.corpus(80, 3)[1]
    mixtures = lda.mixtures(inputs.held_out(80, 3), "all")
    assert mixtures.sum(axis=1).tolist() == pytest.approx([1] * 80, abs=1e-4)
    assert (own[mixtures.argmax(axis=1), 0] == topics).mean() > 0.95
    measured = measure(lda, inputs.held_out(), corpus, None)
    assert 30 < measured.overall["perplexity"] < 60


def test_the_baseline_knows_words_that_its_documents_lack() -> None:
    corpus = Corpus.of(planted.bag_of([{0, 1}, {2, 3}] * 20, 6))
    lda = Lda.train(corpus, 2, iterations=10)
    assert (lda.topics[:, 4:] > 0).all()
    assert np.isfinite(lda.log_word_probabilities(np.full((1, 2), 0.5, np.float32))).all()
    # An empty document gets the prior.
    empty = lda.mixtures(HeldOut.of([("1", "", [])], 6), "all")
    np.testing.assert_allclose(empty, [lda.alpha / lda.alpha.sum()], rtol=1e-5)


def test_the_baseline_trains_on_a_limited_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntm.evaluation.baseline.MAX_DOCUMENTS", 50)
    assert Lda.train(Corpus.of(planted.corpus(80, 0)[0]), 2, iterations=2).documents == 50


def test_topics_of_the_archive_are_read(directory: Path) -> None:
    topics = json.loads((directory / "topics.json").read_text())["topics"]
    listed = OurModel.read(directory, jobs.VOCABULARY).listed
    assert [[jobs.VOCABULARY[word] for word in row] for row in listed] == [
        [word for word, _ in topic["words"]] for topic in topics
    ]


def scores(base: Path, held_out: HeldOut, lines: dict[str, list[float]] | None = None) -> Path:
    """Write the output of batch transform with our model, or these lines."""
    if lines is None:
        model, lines = inputs.network(), {}
        for half in ("all", "observed"):
            weights = model.topic_weights(held_out.bags(half)).astype(float).tolist()
            lines |= {f"{row}/{half}": weights[row] for row in range(len(held_out))}
    (base / "scores").mkdir()
    content = [{"id": uid, "SageMakerOutput": {"topic_weights": weights}} for uid, weights in lines.items()]
    (base / "scores" / "part-00000.jsonl.out").write_text("".join(f"{json.dumps(line)}\n" for line in content))
    return base / "scores"


def built_in(base: Path, **arrays: np.ndarray) -> Path:
    path = base / "model_algo-1"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("params", saved({name.replace("_", ":", 1): array for name, array in arrays.items()}))
    return path


def test_topics_of_the_built_in_come_from_its_decoder(tmp_path: Path) -> None:
    network = inputs.network()
    decoder = network.decoder
    path = built_in(tmp_path, arg_projection_weight=decoder.weight, arg_projection_bias=decoder.bias)
    topics = BuiltInTopics.read(path, planted.FEATURE_DIM)
    np.testing.assert_allclose(topics.word_probabilities(), network.word_probabilities().T, rtol=1e-5)
    assert sorted(topics.words(20)[2].tolist()) == list(range(40, 60))
    held_out = inputs.held_out(20)
    model = ScoredModel.read(topics, scores(tmp_path, held_out), held_out)
    corpus = Corpus.of(planted.corpus(100, 0)[0])
    ours = OurModel(network, topics.words(20))
    found, expected = (dict(measure(one, held_out, corpus, None).overall) for one in (model, ours))
    # After the twenty listed words, ours ranks by probability.
    assert found.pop("topic_diversity") < expected.pop("topic_diversity")
    assert found == pytest.approx(expected, rel=1e-4)
    # A missing bias counts as 0.
    plain = BuiltInTopics.read(built_in(tmp_path, arg_projection_weight=decoder.weight), planted.FEATURE_DIM)
    assert not plain.decoder.bias.any()


def test_files_that_are_not_a_built_in_ntm_are_rejected(tmp_path: Path) -> None:
    weight = np.zeros((4, 2), np.float32)
    with pytest.raises(
        InputError, match=r"has no arg:projection_weight with 5 rows.* it has arg:projection_weight \[4, 2\]"
    ):
        BuiltInTopics.read(built_in(tmp_path, arg_projection_weight=weight), 5)
    with pytest.raises(
        InputError, match=r"has no arg:projection_weight with 4 rows, one per word; it has arg:other \[4, 2\]"
    ):
        BuiltInTopics.read(built_in(tmp_path, arg_other=weight), 4)
    with pytest.raises(InputError, match=r"arg:projection_bias has shape \[2\]; expected \[4\]"):
        BuiltInTopics.read(built_in(tmp_path, arg_projection_weight=weight, arg_projection_bias=weight[0]), 4)
    (tmp_path / "model_algo-1").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="model_algo-1 in the model archive is not a built-in NTM"):
        BuiltInTopics.read(tmp_path / "model_algo-1", 4)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            {"0/all": [0.5, 0.5], "1/all": [0.5, 0.5]},
            "1 of 2 documents have no prediction, for example 0/observed",
        ),
        ({"0/all": [0.5, 0.5], "0/observed": [0.5, 0.5]}, "1 of 2 documents .* for example 1/all"),
        ({"0/all": [1.0]}, "part-00000.jsonl.out, line 1, is not a mixture of 2 topics"),
    ],
)
def test_every_document_is_scored(tmp_path: Path, lines: dict[str, list[float]], reason: str) -> None:
    held_out = HeldOut.of([("a", "", [0, 1, 2]), ("b", "", [1])], 3)
    topics = BuiltInTopics(Layer(np.zeros((3, 2), np.float32), np.zeros(3, np.float32)))
    with pytest.raises(InputError, match=reason):
        ScoredModel.read(topics, scores(tmp_path, held_out, lines), held_out)


def test_a_document_of_one_word_has_no_second_half(tmp_path: Path) -> None:
    held_out = HeldOut.of([("a", "", [0, 1, 2]), ("b", "", [1])], 3)
    lines = {"1/all": [0.3, 0.7], "0/observed": [0.9, 0.1], "0/all": [0.2, 0.8]}
    topics = BuiltInTopics(Layer(np.zeros((3, 2), np.float32), np.zeros(3, np.float32)))
    model = ScoredModel.read(topics, scores(tmp_path, held_out, lines), held_out)
    np.testing.assert_allclose(model.mixtures(held_out, "all"), [[0.2, 0.8], [0.3, 0.7]], rtol=1e-6)
    np.testing.assert_allclose(model.mixtures(held_out, "observed"), [[0.9, 0.1], [0.5, 0.5]], rtol=1e-6)
