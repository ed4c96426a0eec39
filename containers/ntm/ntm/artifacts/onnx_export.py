"""The encoder of a trained model as an ONNX graph, for servers that speak it: what ``TopicModel.topic_weights`` does.

Inputs, a sparse bag of words of D documents in N entries, in any order:

- ``words`` int64 [N]: the word's id of each entry, below the model's ``feature_dim``.
- ``documents`` int64 [N]: the row of each entry, from 0 to D - 1.
- ``counts`` float32 [N]: more than 0.
- ``size`` int64 [1]: D.

Output: ``topic_weights`` float32 [D, K]; each row sums to 1.

Metadata: ``feature_dim``, the size of the vocabulary.

Source: https://onnx.ai/onnx/operators/
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ntm.common.version import __version__
from ntm.network.inference import Layer, TopicModel

# The oldest with all that is used here: more runtimes read it than a newer one.
_OPSET, _IR_VERSION = 18, 8
# Of a protobuf message, less room for the graph; the weights of a larger model go into a file of their own.
_MAX_BYTES = 2**31 - 2**20
_ACTIVATIONS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}


def write_onnx(path: Path, model: TopicModel) -> None:
    """Write the model's encoder; the weights of one over 2 GB lie beside it, in ``<name>.data``.

    Args:
        path: the file to write.
        model: the trained model.
    """
    proto = export(model)
    large = sum(len(tensor.raw_data) for tensor in proto.graph.initializer) > _MAX_BYTES
    # The library adds to a file of weights that is there already.
    data = path.with_name(f"{path.name}.data")
    data.unlink(missing_ok=True)
    onnx.save_model(proto, path, save_as_external_data=large, location=data.name)


def export(model: TopicModel) -> onnx.ModelProto:
    """Return the model's encoder as an ONNX model; see the module's text."""
    graph = _Graph()
    # Added up in float64, as a document's length may be beyond float32.
    exact = graph.node("Cast", "counts", to=TensorProto.DOUBLE)
    zero = graph.constant(np.zeros(1))
    lengths = graph.scatter(graph.node("ConstantOfShape", "size", value=_tensor(np.zeros(1))), exact)
    frequencies = graph.node("Div", exact, graph.node("Gather", lengths, "documents"))
    weights = graph.node("Cast", frequencies, to=TensorProto.FLOAT)

    first, *others = model.hidden
    activation = _ACTIVATIONS[model.activation]
    units = graph.node(activation, graph.node("Add", graph.bag(first, weights), graph.constant(first.bias)))
    for layer in others:
        units = graph.node(activation, graph.dense(layer, units))
    theta = graph.node("Softmax", graph.dense(model.mean, units), axis=1)

    filled = graph.node("Unsqueeze", graph.node("Greater", lengths, zero), graph.constant(np.array([1])))
    uniform = graph.constant(np.full(1, 1 / model.num_topics, np.float32))
    graph.node("Where", filled, theta, uniform, output="topic_weights")
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "ntm",
            [
                helper.make_tensor_value_info("words", TensorProto.INT64, ["entries"]),
                helper.make_tensor_value_info("documents", TensorProto.INT64, ["entries"]),
                helper.make_tensor_value_info("counts", TensorProto.FLOAT, ["entries"]),
                helper.make_tensor_value_info("size", TensorProto.INT64, [1]),
            ],
            [helper.make_tensor_value_info("topic_weights", TensorProto.FLOAT, ["size", model.num_topics])],
            graph.constants,
            doc_string=__doc__,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="ntm",
        producer_version=__version__,
    )
    helper.set_model_props(proto, {"feature_dim": str(model.feature_dim)})
    return proto


class _Graph:
    """A graph in the making: each method adds to it and returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._names = map("_{}".format, itertools.count())

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or next(self._names)
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, array: NDArray[np.generic]) -> str:
        name = next(self._names)
        self.constants.append(_tensor(array, name))
        return name

    def scatter(self, zeros: str, entries: str) -> str:
        """Add up the entries of each document."""
        rows = self.node("Unsqueeze", "documents", self.constant(np.array([1])))
        return self.node("ScatterND", zeros, rows, entries, reduction="add")

    def bag(self, layer: Layer, weights: str) -> str:
        """Apply a layer of one row a word, without its bias, to the documents: the rows of their words, added up."""
        rows = self.node("Gather", self.constant(layer.weight), "words")
        rows = self.node("Mul", rows, self.node("Unsqueeze", weights, self.constant(np.array([1]))))
        shape = self.node("Concat", "size", self.constant(np.array([layer.weight.shape[1]])), axis=0)
        return self.scatter(self.node("ConstantOfShape", shape), rows)

    def dense(self, layer: Layer, units: str) -> str:
        return self.node("Gemm", units, self.constant(layer.weight), self.constant(layer.bias), transB=1)


def _tensor(array: NDArray[np.generic], name: str = "") -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array), name)
