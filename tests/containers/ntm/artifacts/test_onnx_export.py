from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm.artifacts import onnx_export
from ntm.data.bag_of_words import BagOfWords, bag_of_words
from ntm.network.inference import Layer, TopicModel

FEATURE_DIM, TOPICS = 30, 4


def random_model(activation: str = "relu", widths: tuple[int, ...] = (7, 5), seed: int = 0) -> TopicModel:
    random = np.random.default_rng(seed)

    def layer(*shape: int, bias: int) -> Layer:
        return Layer(random.normal(size=shape).astype(np.float32), random.normal(size=bias).astype(np.float32))

    first, *others = widths
    hidden = [layer(FEATURE_DIM, first, bias=first)]
    hidden += [layer(b, a, bias=b) for a, b in zip(widths, others, strict=False)]
    return TopicModel(
        activation,
        tuple(hidden),
        layer(TOPICS, widths[-1], bias=TOPICS),
        layer(FEATURE_DIM, TOPICS, bias=FEATURE_DIM),
    )


def session(content: bytes | Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def run(runtime: onnxruntime.InferenceSession, bag: BagOfWords, order: np.ndarray | None = None) -> np.ndarray:
    order = np.arange(len(bag.words)) if order is None else order
    entries = {
        "words": bag.words[order].astype(np.int64),
        "documents": bag.documents[order],
        "counts": bag.counts[order],
    }
    [theta] = runtime.run(["topic_weights"], {**entries, "size": np.array([len(bag)])})
    return theta


def random_bag(documents: int, seed: int) -> BagOfWords:
    random = np.random.default_rng(seed)
    counts = random.poisson(0.3, size=(documents, FEATURE_DIM)) * random.random((documents, 1)) * 9
    rows, words = np.nonzero(counts)
    return bag_of_words(rows, words, counts[rows, words], counts.shape)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("widths", [(6,), (7, 5), (8, 7, 6)])
def test_the_graph_agrees_with_the_numpy_model(activation: str, widths: tuple[int, ...]) -> None:
    model = random_model(activation, widths)
    proto = onnx_export.export(model)
    onnx.checker.check_model(proto, full_check=True)
    bag = random_bag(400, seed=1)
    theta = run(session(proto.SerializeToString()), bag, np.random.default_rng(2).permutation(len(bag.words)))
    assert theta.dtype == np.float32
    np.testing.assert_allclose(theta, model.topic_weights(bag), rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def runtime() -> onnxruntime.InferenceSession:
    return session(onnx_export.export(random_model()).SerializeToString())


@given(
    st.lists(
        st.dictionaries(st.integers(0, FEATURE_DIM - 1), st.floats(2**-10, 2**100, width=32), max_size=6), max_size=5
    )
)
def test_any_documents(runtime: onnxruntime.InferenceSession, documents: list[dict[int, float]]) -> None:
    entries = [(row, word, count) for row, counts in enumerate(documents) for word, count in counts.items()]
    rows, words, counts = (np.array(column) for column in zip(*entries, strict=True)) if entries else np.zeros((3, 0))
    bag = bag_of_words(rows.astype(np.int64), words.astype(np.int64), counts, (len(documents), FEATURE_DIM))
    np.testing.assert_allclose(run(runtime, bag), random_model().topic_weights(bag), rtol=1e-4, atol=1e-6)


def test_a_document_without_a_word_gets_the_same_weight_for_every_topic(
    runtime: onnxruntime.InferenceSession,
) -> None:
    bag = bag_of_words(np.array([1]), np.array([3]), np.array([2.0]), (3, FEATURE_DIM))
    theta = run(runtime, bag)
    assert (theta[[0, 2]] == 1 / TOPICS).all()
    assert theta[1].max() > 0.3


def test_counts_with_a_sum_beyond_float32(runtime: onnxruntime.InferenceSession) -> None:
    counts = np.full(2, 3e38)
    bag = bag_of_words(np.zeros(2, np.int64), np.arange(2), counts, (1, FEATURE_DIM))
    np.testing.assert_allclose(run(runtime, bag), random_model().topic_weights(bag), rtol=1e-5)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        onnx_export.write_onnx(tmp_path / name, random_model())
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_weights_too_large_for_protobuf_go_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A small limit, because writing 2 GB takes too long.
    monkeypatch.setattr(onnx_export, "_MAX_BYTES", 1000)
    path, bag = tmp_path / "model.onnx", random_bag(5, seed=3)
    model = random_model(widths=(200, 5))
    for _ in range(2):
        onnx_export.write_onnx(path, model)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert (tmp_path / "model.onnx.data").stat().st_size < 1.5 * model.hidden[0].weight.nbytes
    np.testing.assert_allclose(run(session(path), bag), model.topic_weights(bag), rtol=1e-5, atol=1e-6)
