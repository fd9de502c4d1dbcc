"""Writes the small models that tests read: Tests/Fixtures/*.onnx. Deterministic; run after changing it and commit.

Between them they use what real files use and parsers trip over: initialisers in raw and typed fields, attributes of
every kind, symbolic extents, shape arithmetic, subgraphs with captures, model-local functions, strings.
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "Tests/Fixtures")


def save(name: str, model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> None:
    """The model, inputs for it, and what ONNX's reference evaluator makes of them."""
    onnx.checker.check_model(model, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    outputs = ReferenceEvaluator(model).run(None, inputs)
    np.savez(OUT / f"{name}.inputs.npz", **inputs)
    np.savez(
        OUT / f"{name}.outputs.npz",
        **{info.name: plain(np.asarray(value)) for info, value in zip(model.graph.output, outputs)},
    )


def plain(value: np.ndarray) -> np.ndarray:
    """Strings as `<U`: arrays of objects would be pickled."""
    return value.astype(np.str_) if value.dtype == object else value


def linear() -> onnx.ModelProto:
    """One layer, ten features: [N, 10] -> [N, 1]. The model of the throughput measurements."""
    weights = (np.arange(10, dtype=np.float32).reshape(10, 1) - 4.5) / 10
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["product"], name="dense"),
            helper.make_node("Add", ["product", "b"], ["y"], name="bias"),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 10])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(weights, "w"), helper.make_tensor("b", TensorProto.FLOAT, [1], [0.25])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def attention() -> onnx.ModelProto:
    """A transformer block over [batch, length] token numbers, with the shape arithmetic that exporters write."""
    random = np.random.default_rng(0)
    width, heads, vocabulary = 16, 4, 32

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    text = """
    <ir_version: 10, opset_import: ["" : 21, "local" : 1]>
    block (int64[batch, length] tokens) => (float[batch, length, 32] logits)
    {
        x = Gather(embedding, tokens)
        normal = LayerNormalization<axis = -1, epsilon = 1e-5>(x, gain, offset)
        qkv = MatMul(normal, projection)
        shape = Shape(tokens)
        heads_and_width = Constant<value_ints = [3, 4, 4]>()
        split_shape = Concat<axis = 0>(shape, heads_and_width)
        parts = Reshape(qkv, split_shape)
        stacked = Transpose<perm = [2, 0, 3, 1, 4]>(parts)
        zero = Constant<value_int = 0>()
        one = Constant<value_int = 1>()
        two = Constant<value_int = 2>()
        query = Gather(stacked, zero)
        key = Gather(stacked, one)
        value = Gather(stacked, two)
        key_transposed = Transpose<perm = [0, 1, 3, 2]>(key)
        products = MatMul(query, key_transposed)
        half = Constant<value_float = 0.5>()
        scores = Mul(products, half)
        weights = Softmax<axis = -1>(scores)
        mixed = MatMul(weights, value)
        merged = Transpose<perm = [0, 2, 1, 3]>(mixed)
        width = Constant<value_ints = [16]>()
        flat_shape = Concat<axis = 0>(shape, width)
        flat = Reshape(merged, flat_shape)
        output = MatMul(flat, unprojection)
        residual = Add(x, output)
        activated = local.scaled_tanh<scale = 1.5>(residual)
        logits = MatMul(activated, head)
    }
    <domain: "local", opset_import: ["" : 21]>
    scaled_tanh <scale> (x) => (y)
    {
        g = Tanh(x)
        s = Constant<value_float: float = @scale>()
        y = Mul(g, s)
    }
    """
    model = parser.parse_model(text)
    model.graph.initializer.extend(
        [
            weight("embedding", vocabulary, width),
            weight("gain", width),
            weight("offset", width),
            weight("projection", width, 3 * width),
            weight("unprojection", width, width),
            weight("head", width, vocabulary),
        ]
    )
    assert width // heads == 4
    return model


def control() -> onnx.ModelProto:
    """If, Loop with a captured value and a scan output, Scan, a sequence and strings."""
    text = """
    <ir_version: 10, opset_import: ["" : 21]>
    control (float[n] x, int64 trips, string[m] words) => (float[n] sum, float[trips, n] steps, float[n] chosen,
                                                            float[k] joined, string[m] marked, float[n] running)
    {
        true = Constant<value = bool {1}>()
        start = Mul(x, x)
        sum, steps = Loop<body = body (int64 i, bool go, float[n] state) => (bool again, float[n] next, float[n] step) {
            again = Identity(go)
            next = Add(state, x)
            step = Neg(next)
        }>(trips, true, start)
        total = ReduceSum<keepdims = 0>(x)
        zero = Constant<value_float = 0.0>()
        positive = Greater(total, zero)
        chosen = If<then_branch = then () => (float[n] a) { a = Sqrt(sum) },
                    else_branch = otherwise () => (float[n] b) { b = Sub(x, sum) }>(positive)
        pair = SequenceConstruct(x, sum)
        joined = ConcatFromSequence<axis = 0>(pair)
        mark = Constant<value_string = "!">()
        marked = StringConcat(words, mark)
        nothing = Sub(zero, zero)
        last, running = Scan<num_scan_inputs = 1, body = scan (float carried, float element) => (float after, float out) {
            after = Add(carried, element)
            out = Identity(after)
        }>(nothing, x)
    }
    """
    return parser.parse_model(text)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    save("linear", linear(), {"x": np.arange(30, dtype=np.float32).reshape(3, 10) / 7})
    save("attention", attention(), {"tokens": np.array([[1, 5, 31, 0, 7], [2, 2, 30, 9, 4]])})
    save(
        "control",
        control(),
        {
            "x": np.array([0.5, -1, 2.25, 3], np.float32),
            "trips": np.array(3),
            "words": np.array(["swift", "apus"]),
        },
    )
    print(*(f"{path.name}: {path.stat().st_size} bytes" for path in sorted(OUT.iterdir())), sep="\n")
