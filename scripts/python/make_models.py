"""Trains the example models and writes them as ONNX: make_models.py FOLDER [NAME...]

digits: a network, trained in plain numpy. It reads an 8x8 picture of a hand-written digit (scikit-learn's bundled data, pixels 0 to 16):

    image [N, 1, 8, 8] -> /16 -> conv 3x3 (16) -> relu -> max pool 2x2 -> conv 3x3 (32) -> relu
                       -> flatten -> dense (10) -> softmax -> label [N], probabilities [N, 10]

iris: a scikit-learn pipeline as skl2onnx converts it. It reads four lengths in cm and the colour of a flower, columns
[N, 1] by name, and gives the species and an object with a probability for each species.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 1
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 2e-3
MAXIMUM_PIXEL = 16
REQUIRED_ACCURACY = 0.97
IRIS_REQUIRED_ACCURACY = 0.94


# The layers. Each `..._backward` takes the gradient of the loss by the layer's output and gives it by its inputs.


def windows(x):
    """The 3x3 neighbourhood of each pixel, zero outside: [N, C, H, W] -> [N, H, W, C * 9]."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    n, c, h, w = x.shape
    return views.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def convolution(x, weight, bias):
    columns = windows(x)
    y = columns @ weight.reshape(len(weight), -1).T + bias
    return y.transpose(0, 3, 1, 2), columns


def convolution_backward(gradient, columns, weight):
    by_pixel = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
    weight_gradient = (by_pixel.T @ columns.reshape(len(by_pixel), -1)).reshape(weight.shape)
    # The transposed convolution is the convolution with the mirrored kernel, its channels exchanged.
    mirrored = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    input_gradient, _ = convolution(gradient, mirrored, np.float32(0))
    return input_gradient, weight_gradient, by_pixel.sum(axis=0)


def max_pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def max_pool_backward(gradient, x, y):
    def enlarge(a):
        return a.repeat(2, axis=2).repeat(2, axis=3)

    return enlarge(gradient) * (x == enlarge(y))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# The network.


def initial_parameters(random):
    def weight(*shape):
        fan_in = np.prod(shape[1:])
        return (random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    return {
        "conv1.weight": weight(16, 1, 3, 3),
        "conv1.bias": np.zeros(16, np.float32),
        "conv2.weight": weight(32, 16, 3, 3),
        "conv2.bias": np.zeros(32, np.float32),
        "dense.weight": weight(10, 32 * 4 * 4),
        "dense.bias": np.zeros(10, np.float32),
    }


def forward(p, image):
    """Probabilities, and the values in between that the gradient needs."""
    conv1, columns1 = convolution(image / np.float32(MAXIMUM_PIXEL), p["conv1.weight"], p["conv1.bias"])
    relu1 = np.maximum(conv1, 0)
    pooled = max_pool(relu1)
    conv2, columns2 = convolution(pooled, p["conv2.weight"], p["conv2.bias"])
    flat = np.maximum(conv2, 0).reshape(len(image), -1)
    probabilities = softmax(flat @ p["dense.weight"].T + p["dense.bias"])
    return probabilities, (columns1, relu1, pooled, columns2, conv2, flat)


def gradients(p, image, label):
    """Of the mean cross-entropy, by every parameter."""
    probabilities, (columns1, relu1, pooled, columns2, conv2, flat) = forward(p, image)
    logits_gradient = (probabilities - np.eye(10, dtype=np.float32)[label]) / len(image)
    g = {
        "dense.weight": logits_gradient.T @ flat,
        "dense.bias": logits_gradient.sum(axis=0),
    }
    conv2_gradient = (logits_gradient @ p["dense.weight"]).reshape(conv2.shape) * (conv2 > 0)
    pooled_gradient, g["conv2.weight"], g["conv2.bias"] = convolution_backward(
        conv2_gradient, columns2, p["conv2.weight"]
    )
    conv1_gradient = max_pool_backward(pooled_gradient, relu1, pooled) * (relu1 > 0)
    _, g["conv1.weight"], g["conv1.bias"] = convolution_backward(conv1_gradient, columns1, p["conv1.weight"])
    return g


def shifted(images, random):
    """Each picture moved by at most one pixel up, down, left or right, so that the place matters less."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    offsets = random.integers(0, 3, size=(len(images), 2))
    return np.stack([picture[:, y : y + 8, x : x + 8] for picture, (y, x) in zip(padded, offsets, strict=True)])


def train(images, labels, random):
    """Adam (Kingma and Ba, 2015), the learning rate falling to zero along a cosine."""
    p = initial_parameters(random)
    mean = {name: np.zeros_like(value) for name, value in p.items()}
    square = {name: np.zeros_like(value) for name, value in p.items()}
    step_count = EPOCHS * (len(images) // BATCH)
    step = 0
    for _ in range(EPOCHS):
        order = random.permutation(len(images))
        for batch in np.split(order[: len(order) // BATCH * BATCH], len(order) // BATCH):
            g = gradients(p, shifted(images[batch], random), labels[batch])
            step += 1
            rate = LEARNING_RATE * (1 + np.cos(np.pi * step / step_count)) / 2
            for name in p:
                mean[name] += 0.1 * (g[name] - mean[name])
                square[name] += 0.001 * (g[name] ** 2 - square[name])
                unbiased = mean[name] / (1 - 0.9**step)
                p[name] -= np.float32(rate) * unbiased / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
    return p


# The file.


def to_onnx(parameters):
    constants = dict(parameters, maximum_pixel=np.float32(MAXIMUM_PIXEL))
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Div", ["image", "maximum_pixel"], ["normalised"]),
        helper.make_node("Conv", ["normalised", "conv1.weight", "conv1.bias"], ["conv1"], **same),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pooled", "conv2.weight", "conv2.bias"], ["conv2"], **same),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("Flatten", ["relu2"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense.weight", "dense.bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
    ]
    for node in nodes:
        node.name = node.output[0]
    graph = helper.make_graph(
        nodes,
        "digits",
        inputs=[helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        outputs=[
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10]),
        ],
        initializer=[numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
        doc_string="Reads an 8x8 picture of a hand-written digit, pixels from 0 (white) to 16 (black).",
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="apus scripts/make_models"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def check_against_numpy(model, parameters, images):
    label, probabilities = ReferenceEvaluator(model).run(None, {"image": images})
    expected, _ = forward(parameters, images)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(label, expected.argmax(axis=1))


def make_digits(folder):
    digits = load_digits()
    images = digits.images[:, np.newaxis].astype(np.float32)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, digits.target, test_size=0.25, random_state=SEED, stratify=digits.target
    )

    parameters = train(train_images, train_labels, np.random.default_rng(SEED))
    probabilities, _ = forward(parameters, test_images)
    accuracy = (probabilities.argmax(axis=1) == test_labels).mean()
    print(f"digits: accuracy {accuracy:.2%} on {len(test_images)} held-out pictures")
    if accuracy <= REQUIRED_ACCURACY:
        sys.exit(f"digits: the accuracy must be above {REQUIRED_ACCURACY:.0%}; nothing was written")

    model = to_onnx(parameters)
    check_against_numpy(model, parameters, test_images[:16])

    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    sample = test_images[:1].astype(int).tolist()
    (folder / "sample.json").write_text(json.dumps({"data": sample}) + "\n")
    size = (folder / "model.onnx").stat().st_size
    print(f"digits: wrote {folder}/model.onnx ({size:,} bytes); the sample is a {test_labels[0]}")


# Iris. The data set has no colours: they are drawn, likely ones for each species.
LENGTHS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
COLOURS = {"setosa": ["blue", "violet"], "versicolor": ["blue", "violet", "white"], "virginica": ["violet", "white"]}


def rename_outputs(model, names):
    """Gives the outputs of a graph other names."""
    new = dict(zip([output.name for output in model.graph.output], names, strict=True))
    for node in model.graph.node:
        node.output[:] = [new.get(name, name) for name in node.output]
        node.input[:] = [new.get(name, name) for name in node.input]
    for output in model.graph.output:
        output.name = new[output.name]


def make_iris(folder):
    iris = load_iris()
    species = iris.target_names[iris.target].astype(object)
    random = np.random.default_rng(SEED)
    colours = np.array([random.choice(COLOURS[name]) for name in species], dtype=object)
    rows = np.concatenate([iris.data.astype(np.float32).astype(object), colours[:, np.newaxis]], axis=1)
    train_rows, test_rows, train_species, test_species = train_test_split(
        rows, species, test_size=0.25, random_state=SEED, stratify=species
    )

    lengths = list(range(len(LENGTHS)))
    columns = ColumnTransformer([
        ("lengths", StandardScaler(), lengths),
        ("colour", OneHotEncoder(handle_unknown="ignore"), [len(LENGTHS)]),
    ])
    pipeline = make_pipeline(columns, LogisticRegression())
    pipeline.fit(train_rows, train_species)
    accuracy = pipeline.score(test_rows, test_species)
    print(f"iris: accuracy {accuracy:.2%} on {len(test_rows)} held-out flowers")
    if accuracy < IRIS_REQUIRED_ACCURACY:
        sys.exit(f"iris: the accuracy must be at least {IRIS_REQUIRED_ACCURACY:.0%}; nothing was written")

    types = [(name, FloatTensorType([None, 1])) for name in LENGTHS] + [("colour", StringTensorType([None, 1]))]
    model = convert_sklearn(pipeline, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3})
    rename_outputs(model, ["species", "probability"])
    model.graph.name = "iris"
    model.producer_name = "apus scripts/make_models"
    onnx.checker.check_model(model)

    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    sample = dict(zip([*LENGTHS, "colour"], [*map(float, np.round(test_rows[0][:4].astype(float), 2)), test_rows[0][4]], strict=True))
    (folder / "sample.json").write_text(json.dumps({"data": [sample]}) + "\n")
    size = (folder / "model.onnx").stat().st_size
    print(f"iris: wrote {folder}/model.onnx ({size:,} bytes); the sample is a {test_species[0]}")


if __name__ == "__main__":
    target, wanted = Path(sys.argv[1]), sys.argv[2:]
    for name, make in {"digits": make_digits, "iris": make_iris}.items():
        if not wanted or name in wanted:
            make(target / name / "1")
