"""Writes a model of one node for every operator, version and element type that ONNX allows: make_operators.py FOLDER

The inputs and attributes are those of a case of the operator suite (or of OLD_FORMS below, for versions that the suite
left behind); the element types are varied one type parameter at a time. What onnx's checker refuses is left out.
Expected outputs come from onnx's reference implementation where that can run the model; where it cannot, running
without an error is all that is asked for.

The layout is the one of make_conformance.py, so that `apus-conformance FOLDER` runs it.
"""

import contextlib
import csv
import itertools
import os
import shutil
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# Drawn at random, or of no fixed meaning outside of training.
WITHOUT_REFERENCE = {
    # It counts the padding in version 1 and takes the batch's statistics in version 9.
    ("AveragePool", 1), ("BatchNormalization", 9),
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip
# Sums in these types leave the reference, which adds in the type itself, more than a tolerance away.
NARROW = {"float16", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float4e2m1",
          "float8e8m0", "float6e2m3", "float6e3m2"}  # fmt: skip


class Template:
    """A node with inputs that suit it."""

    def __init__(self, node, inputs, types, version):
        self.node, self.inputs, self.types, self.version = node, inputs, types, version
        self.is_old = False

    def fits(self, schema):
        """A form of an old version is tried for that and later ones; what has gone from the schema is then refused."""
        if not self.is_old or schema.domain:
            return True
        # The slope of each channel lost its axis without a trace in the schema.
        exactly = self.node.op_type == "PRelu"
        return schema.since_version == self.version if exactly else schema.since_version >= self.version


# --- Templates ------------------------------------------------------------------------------------------------------


def suite_templates(suite):
    """The cases of the operator suite that are one node, by domain and operator; the smallest first."""
    templates = defaultdict(list)
    for folder in sorted((suite / "node").iterdir()):
        if "_expanded" in folder.name:
            continue
        model = onnx.load(folder / "model.onnx")
        graph = model.graph
        if len(graph.node) != 1 or graph.initializer or model.functions:
            continue
        inputs = [read(folder / "test_data_set_0" / f"input_{i}.pb", info) for i, info in enumerate(graph.input)]
        if any(value is None for value in inputs):
            continue
        node = graph.node[0]
        types = {info.name: info.type for info in [*graph.input, *graph.output]}
        version = next(entry.version for entry in model.opset_import if same_domain(entry.domain, node.domain))
        named = {info.name: value for info, value in zip(graph.input, inputs, strict=True)}
        templates[domain(node.domain), node.op_type].append(Template(node, named, types, version))
    for known in templates.values():
        known.sort(key=lambda template: sum(map(size, template.inputs.values())))
    return templates


def size(value):
    return sum(map(size, value)) if isinstance(value, list) else np.size(value)


def domain(name):
    return "" if name == "ai.onnx" else name


def same_domain(one, other):
    return domain(one) == domain(other)


def read(path, info):
    """An array or a list of arrays; None for what has another kind."""
    kind = info.type.WhichOneof("value")
    if kind == "tensor_type":
        return numpy_helper.to_array(onnx.load_tensor(path))
    if kind == "sequence_type":
        sequence = onnx.SequenceProto()
        sequence.ParseFromString(path.read_bytes())
        with contextlib.suppress(Exception):  # Elements that are no tensors.
            return numpy_helper.to_list(sequence)
    return None


def ramp(*shape):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) / 4).astype(np.float32)


def old(operator, version, inputs, outputs=1, name_domain="", **attributes):
    names = [f"x{i}" if value is not None else "" for i, value in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(operator, names, results, domain=name_domain, **attributes)
    named = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True) if value is not None}
    types = {
        name: helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in named.items()
    }
    template = Template(node, named, types, version)
    template.is_old = True
    return template


IMAGE = ramp(1, 2, 4, 4)
PAIR = [ramp(2, 3, 4), ramp(3)]
CHANNELS = [np.ones(2, np.float32)] * 2 + [np.zeros(2, np.float32), np.ones(2, np.float32)]
INTEGERS = np.arange(6, dtype=np.int64).reshape(2, 3)
STRINGS = np.array(["a", "b", "c"], object)
ML = {"name_domain": "ai.onnx.ml"}
LABELS = {"classlabels_ints": [0, 1, 2]}
TREE = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
}  # fmt: skip

# Forms that only old versions have, and operators without a case in the suite.
OLD_FORMS = [
    *(old(name, 1, PAIR, broadcast=1, axis=1) for name in ("Add", "Sub", "Mul", "Div", "Pow")),
    *(old(name, 6, PAIR, broadcast=1, axis=1) for name in ("Add", "Sub", "Mul", "Div")),
    *(old(name, 1, PAIR, broadcast=1, axis=1) for name in ("Equal", "Greater", "Less")),
    *(old(name, 1, [PAIR[0] > 1, PAIR[1] > 0], broadcast=1, axis=1) for name in ("And", "Or", "Xor")),
    old("Equal", 1, [INTEGERS, INTEGERS[0]], broadcast=1),
    *(old(name, 1, [ramp(2, 3)] * 2) for name in ("Max", "Min", "Sum", "Mean")),
    *(old(f"Reduce{kind}", 1, [ramp(2, 3) + 1], axes=[1]) for kind in
      ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")),
    old("Squeeze", 1, [ramp(2, 1, 3)], axes=[1]), old("Squeeze", 11, [ramp(2, 1, 3)], axes=[-2]),
    old("Unsqueeze", 1, [ramp(2, 3)], axes=[0, 2]), old("Unsqueeze", 11, [ramp(2, 3)], axes=[0, -1]),
    old("Split", 1, [ramp(2, 6)], 2, axis=1, split=[2, 4]), old("Split", 2, [ramp(2, 6)], 2, axis=1),
    old("Split", 11, [ramp(2, 6)], 2, axis=-1, split=[2, 4]), old("Slice", 1, [ramp(4, 4)], starts=[1], ends=[-1]),
    old("Pad", 1, [ramp(2, 3)], paddings=[0, 1, 0, 1]), old("Pad", 2, [ramp(2, 3)], pads=[0, 1, 0, 1], mode="edge"),
    old("Clip", 1, [ramp(2, 3)], min=0.2, max=0.9), old("Clip", 6, [ramp(2, 3)], min=0.2),
    old("TopK", 1, [ramp(2, 5)], 2, k=2), old("TopK", 10, [ramp(2, 5), np.array([2], np.int64)], 2),
    old("Upsample", 1, [IMAGE], height_scale=2.0, width_scale=2.0), old("Upsample", 7, [IMAGE], scales=[1.0, 1, 2, 2]),
    old("Upsample", 9, [IMAGE, np.array([1, 1, 2, 2], np.float32)]),
    old("Resize", 10, [IMAGE, np.array([1, 1, 2, 2], np.float32)]),
    old("Reshape", 1, [ramp(2, 6)], shape=[3, -1]), old("Cast", 1, [ramp(2, 3)], to="INT32"),
    old("Tile", 1, [ramp(2, 3), np.float32(2), np.float32(1)]), old("Concat", 1, [ramp(2, 3)] * 2),
    old("Dropout", 1, [ramp(2, 3)], is_test=1), old("Dropout", 6, [ramp(2, 3)], is_test=1),
    old("Dropout", 7, [ramp(2, 3)]), old("Dropout", 10, [ramp(2, 3)], 2),
    old("BatchNormalization", 1, [IMAGE, *CHANNELS], is_test=1, consumed_inputs=[0, 0, 0, 1, 1]),
    old("BatchNormalization", 6, [IMAGE, *CHANNELS], is_test=1),
    old("BatchNormalization", 7, [IMAGE, *CHANNELS]),
    old("InstanceNormalization", 1, [IMAGE, *CHANNELS[:2]], consumed_inputs=[0, 0, 0]),
    old("Gemm", 1, [ramp(2, 3), ramp(3, 4), ramp(4)], broadcast=1), old("Gemm", 6, [ramp(2, 3), ramp(3, 4), ramp(4)], broadcast=1),
    old("PRelu", 6, [IMAGE - 2, np.float32([0.1, 0.2])]), old("PRelu", 1, [IMAGE - 2, np.float32([0.1, 0.2])]),
    old("LpPool", 1, [IMAGE], p=2.0, kernel_shape=[2, 2]), old("GlobalLpPool", 1, [IMAGE], p=2.0),
    old("LpPool", 2, [IMAGE], kernel_shape=[2, 2]), old("GlobalLpPool", 2, [IMAGE]),
    old("MaxRoiPool", 1, [IMAGE, np.float32([[0, 0, 0, 2, 2]])], pooled_shape=[2, 2]),
    old("LpNormalization", 1, [ramp(2, 3) + 1]), old("RandomNormal", 1, [], shape=[2, 3]),
    old("RandomUniform", 1, [], shape=[2, 3]), old("RandomNormalLike", 1, [ramp(2, 3)]),
    old("RandomUniformLike", 1, [ramp(2, 3)]), old("Multinomial", 7, [ramp(2, 3)], sample_size=4),
    old("Scatter", 9, [ramp(3, 3), np.array([[0, 2]]), np.float32([[9, 8]])]),
    old("Elu", 1, [ramp(2, 3)], consumed_inputs=[0]), old("GroupNormalization", 18, [ramp(1, 4, 3), *CHANNELS[:2]], num_groups=2),
    old("ConstantOfShape", 9, [np.array([2, 3], np.int64)]),
    *(old(name, 1, [ramp(2, 3)], consumed_inputs=[0]) for name in
      ("Abs", "Ceil", "Exp", "Floor", "Log", "Neg", "Relu", "Sigmoid", "Sqrt", "Tanh", "Selu", "LeakyRelu",
       "HardSigmoid", "Reciprocal")),
    old("GRU", 1, [ramp(2, 1, 3), ramp(1, 6, 3), ramp(1, 6, 2)], 2, hidden_size=2, output_sequence=1),
    old("GRU", 3, [ramp(2, 1, 3), ramp(1, 6, 3), ramp(1, 6, 2)], 2, hidden_size=2),
    old("LSTM", 1, [ramp(2, 1, 3), ramp(1, 8, 3), ramp(1, 8, 2)], 3, hidden_size=2, output_sequence=1),
    old("RNN", 1, [ramp(2, 1, 3), ramp(1, 2, 3), ramp(1, 2, 2)], 2, hidden_size=2, output_sequence=1),
    old("Softmax", 1, [ramp(2, 3)]), old("LogSoftmax", 1, [ramp(2, 3)]), old("Hardmax", 1, [ramp(2, 3)]),
    old("Scaler", 1, [ramp(2, 3)], **ML, offset=[1.0, 2, 3], scale=[0.5, 1, 2]),
    old("Normalizer", 1, [ramp(2, 3)], **ML, norm="L2"), old("Binarizer", 1, [ramp(2, 3)], **ML, threshold=0.5),
    old("Imputer", 1, [ramp(2, 3)], **ML, imputed_value_floats=[9.0], replaced_value_float=0.0),
    old("Imputer", 1, [INTEGERS], **ML, imputed_value_int64s=[9], replaced_value_int64=0),
    old("OneHotEncoder", 1, [INTEGERS], **ML, cats_int64s=[0, 1, 2, 3, 4, 5]),
    old("OneHotEncoder", 1, [STRINGS], **ML, cats_strings=["a", "b"]),
    old("FeatureVectorizer", 1, [ramp(2, 3), ramp(2, 1)], **ML, inputdimensions=[3, 1]),
    old("ArrayFeatureExtractor", 1, [ramp(2, 3), np.array([0, 2])], **ML),
    old("LabelEncoder", 1, [STRINGS], **ML, classes_strings=["a", "b"]),
    old("CategoryMapper", 1, [STRINGS], **ML, cats_strings=["a", "b"], cats_int64s=[4, 5]),
    old("LinearRegressor", 1, [ramp(2, 3)], **ML, coefficients=[1.0, 2, 3], intercepts=[0.5]),
    old("LinearClassifier", 1, [ramp(2, 3)], 2, **ML, coefficients=[1.0] * 9, intercepts=[0.0, 1, 2], **LABELS),
    old("SVMRegressor", 1, [ramp(2, 2)], **ML, kernel_type="RBF", kernel_params=[0.5, 0.0, 3.0],
        coefficients=[1.0, -1.0], support_vectors=[0.0, 1, 1, 0], n_supports=2, rho=[0.1]),
    old("SVMClassifier", 1, [ramp(2, 2)], 2, **ML, kernel_type="LINEAR", kernel_params=[0.0, 0.0, 3.0],
        coefficients=[1.0, -1.0], support_vectors=[0.0, 1, 1, 0], vectors_per_class=[1, 1], rho=[0.1],
        classlabels_ints=[0, 1]),
    old("TreeEnsembleRegressor", 1, [ramp(3, 1)], **ML, **TREE, target_treeids=[0, 0], target_nodeids=[1, 2],
        target_ids=[0, 0], target_weights=[1.0, 2.0], n_targets=1),
    old("TreeEnsembleClassifier", 1, [ramp(3, 1)], 2, **ML, **TREE, class_treeids=[0, 0], class_nodeids=[1, 2],
        class_ids=[0, 1], class_weights=[1.0, 1.0], classlabels_int64s=[3, 4]),
]  # fmt: skip


# --- Element types --------------------------------------------------------------------------------------------------


def element_code(text):
    """`tensor(float16)` and `seq(tensor(float16))` -> TensorProto.FLOAT16; None for maps and the like."""
    while text.startswith(("seq(", "optional(")):
        text = text[text.index("(") + 1 : -1]
    if not text.startswith("tensor("):
        return None
    name = text[len("tensor(") : -1].upper()
    return TensorProto.DataType.Value({"FLOAT": "FLOAT"}.get(name, name))


def type_text(proto):
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        return f"tensor({TensorProto.DataType.Name(proto.tensor_type.elem_type).lower()})"
    if kind in ("sequence_type", "optional_type"):
        word = "seq" if kind == "sequence_type" else "optional"
        return f"{word}({type_text(getattr(proto, kind).elem_type)})"
    return kind


def with_element(proto, code):
    result = onnx.TypeProto()
    result.CopyFrom(proto)
    inner = result
    while inner.WhichOneof("value") in ("sequence_type", "optional_type"):
        inner = getattr(inner, inner.WhichOneof("value")).elem_type
    inner.tensor_type.elem_type = code
    return result


def converted(value, code):
    if isinstance(value, list):
        return [converted(element, code) for element in value]
    target = helper.tensor_dtype_to_np_dtype(code)
    value = np.asarray(value)
    if value.dtype == target:
        return value
    if code == TensorProto.STRING:
        return np.asarray([str(element) for element in value.ravel()], object).reshape(value.shape)
    if value.dtype == object:
        value = np.arange(value.size).reshape(value.shape)
    if np.issubdtype(target, np.unsignedinteger):
        value = np.abs(value)
    if value.dtype.isbuiltin != 1 or np.dtype(target).isbuiltin != 1:
        value = value.astype(np.float32)
    return value.astype(target)


def parameters_of(schema, node):
    """The type parameter, or the type, of every input and output that the node uses."""

    def formal(all_formal, names):
        for index, name in enumerate(names):
            parameter = all_formal[min(index, len(all_formal) - 1)] if all_formal else None
            if name and parameter is not None:
                yield name, parameter.type_str

    return dict(formal(schema.inputs, node.input)), dict(formal(schema.outputs, node.output))


def bindings(schema, template, inputs):
    """Types by parameter: as in the template where that is allowed, then with one parameter varied."""
    allowed = {c.type_param_str: list(c.allowed_type_strs) for c in schema.type_constraints}
    base = {}
    for name, parameter in inputs.items():
        if parameter in allowed:
            text = type_text(template.types[name])
            base[parameter] = text if text in allowed[parameter] else similar(text, allowed[parameter])
    for parameter, texts in allowed.items():
        base.setdefault(parameter, "tensor(float)" if "tensor(float)" in texts else sorted(texts)[0])
    yield dict(base)
    for parameter, texts in allowed.items():
        for text in sorted(texts):
            if text != base[parameter] and text.count("(") == (base[parameter] or "").count("("):
                yield base | {parameter: text}


def similar(text, allowed):
    same_form = [other for other in sorted(allowed) if other.count("(") == text.count("(")]
    for preferred in ("tensor(float)", "tensor(int64)", "tensor(uint8)"):
        if preferred in same_form:
            return preferred
    return same_form[0] if same_form else sorted(allowed)[0]


def bound_type(parameter, binding, like):
    """The type of a value whose parameter is bound; None when its form is not the template's."""
    text = binding.get(parameter, parameter)
    code = element_code(text)
    if code is None or (like is not None and type_text(like).count("(") != text.count("(")):
        return None
    if like is not None:
        return with_element(like, code)
    result = helper.make_tensor_type_proto(code, None)
    for word in reversed(text.split("(")[:-2]):
        make = helper.make_sequence_type_proto if word == "seq" else helper.make_optional_type_proto
        result = make(result)
    return result


# --- Models ---------------------------------------------------------------------------------------------------------


def models(schema, template):
    """A model and inputs for each binding of types; invalid ones are left out."""
    attributes = {attribute.name for attribute in template.node.attribute}
    if not attributes <= set(schema.attributes) or len(template.node.output) > schema.max_output:
        return
    required = {name for name, attribute in schema.attributes.items() if attribute.required}
    if not required <= attributes or not schema.min_input <= len(template.node.input) <= schema.max_input:
        return
    input_parameters, output_parameters = parameters_of(schema, template.node)
    for binding in bindings(schema, template, input_parameters):
        made = model(schema, template, binding, input_parameters, output_parameters)
        if made is not None:
            yield made


def model(schema, template, binding, input_parameters, output_parameters):
    infos, values = [], {}
    for name, parameter in input_parameters.items():
        kind = bound_type(parameter, binding, template.types[name])
        code = element_code(binding.get(parameter, parameter))
        if kind is None or code is None:
            return None
        infos.append(helper.make_value_info(name, kind))
        values[name] = converted(template.inputs[name], code)
    results = []
    for name, parameter in output_parameters.items():
        kind = bound_type(parameter, binding, None)
        if kind is None:
            return None
        results.append(helper.make_value_info(name, kind))
    node = onnx.NodeProto()
    node.CopyFrom(template.node)
    for attribute in node.attribute:
        if attribute.name in ("to", "dtype", "output_dtype") and attribute.type == onnx.AttributeProto.INT:
            attribute.i = element_code(binding[list(output_parameters.values())[0]])
    imports = [helper.make_opsetid(schema.domain, schema.since_version)]
    if schema.domain:
        imports.append(helper.make_opsetid("", 21))
    made = helper.make_model(
        helper.make_graph([node], "g", infos, results), opset_imports=imports, ir_version=onnx.IR_VERSION
    )
    context = onnx.checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {entry.domain: entry.version for entry in imports}
    try:
        onnx.checker.check_node(node, context)
        inferred = onnx.shape_inference.infer_shapes(made, check_type=True, strict_mode=True)
    except Exception:  # Whatever the checker throws says that this is no valid model.
        return None
    bound = dict(zip(binding, (text.removeprefix("tensor(").removesuffix(")") for text in binding.values())))
    return inferred, values, bound


def expected_outputs(made, values):
    operator = made.graph.node[0].op_type
    if operator in WITHOUT_REFERENCE or (operator, made.opset_import[0].version) in WITHOUT_REFERENCE:
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            outputs = ReferenceEvaluator(made).run(None, values)
    except Exception:  # The reference does not know every version and type.
        return None
    for value, info in zip(outputs, made.graph.output, strict=True):
        code = element_code(type_text(info.type))
        if isinstance(value, list) or value is None or np.asarray(value).dtype != helper.tensor_dtype_to_np_dtype(code):
            return None
        if code == TensorProto.STRING and not all(isinstance(element, str) for element in np.asarray(value).ravel()):
            return None
    return outputs


def write(folder, made, values):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(made, folder / "model.onnx")
    for index, info in enumerate(made.graph.input):
        value = values[info.name]
        proto = numpy_helper.from_list(value) if isinstance(value, list) else numpy_helper.from_array(value, info.name)
        (data / f"input_{index}.pb").write_bytes(proto.SerializeToString())
    outputs = expected_outputs(made, values)
    for index, value in enumerate(outputs or []):
        proto = numpy_helper.from_array(np.asarray(value), made.graph.output[index].name)
        (data / f"output_{index}.pb").write_bytes(proto.SerializeToString())
    return outputs is not None


def tolerance(bound):
    return 2.0**-3 if NARROW & set(bound.values()) else 1e-3


def make(top, suite):
    templates = suite_templates(suite)
    for template in OLD_FORMS:
        templates[domain(template.node.domain), template.node.op_type].append(template)
    rows, uncovered, compared = [], [], 0
    schemas = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain in ("", "ai.onnx.ml")]
    for schema in sorted(schemas, key=lambda s: (s.domain, s.name, s.since_version)):
        if schema.deprecated:
            continue
        known = [t for t in templates[schema.domain, schema.name] if t.fits(schema)]
        # Forms written for this version, then the suite's, nearest versions first.
        known = sorted(known, key=lambda t: (abs(t.version - schema.since_version), len(t.node.input)))
        cases = next(filter(None, (list(models(schema, template)) for template in known)), [])
        if not cases:
            uncovered.append(f"{schema.domain or 'ai.onnx'} {schema.name} {schema.since_version}")
        for number, (made, values, bound) in enumerate(cases):
            types = "_".join(f"{key}.{text}" for key, text in bound.items())
            name = f"{schema.name}_v{schema.since_version}_{number}_{types}".replace("(", ".").replace(")", "")[:180]
            folder = f"{schema.domain or 'ai.onnx'}/{name}"
            compared += write(top / folder, made, values)
            rows.append([name, f"{schema.domain or 'ai.onnx'}", folder, tolerance(bound), tolerance(bound) / 10])
    with open(top / "index.tsv", "w", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
    (top / "uncovered.txt").write_text("\n".join(uncovered) + "\n")
    print(f"{len(rows):,} models, {compared:,} of them with expected outputs; {len(uncovered)} versions without a form")


if __name__ == "__main__":
    target, suite = Path(sys.argv[1]), Path(sys.argv[2])
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make(unfinished, suite)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(unfinished, target)
